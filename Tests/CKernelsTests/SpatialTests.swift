import CKernels
import Foundation
import Testing

extension ForcedLevels {
  @Suite struct SpatialTests {
    @Test(arguments: [CSN_BLOCKED, CSN_PLANAR, CSN_PAIRED], [CSN_BLOCKED, CSN_PLANAR, CSN_PAIRED])
    func reorder(_ from: csn_layout, _ to: csn_layout) {
      var numbers = Numbers(seed: 8)
      for (channels, size) in [(3, (5, 33)), (16, (7, 7)), (37, (1, 17)), (50, (2, 70))] {
        let x = numbers.array(2 * channels * size.0 * size.1)
        var source = csn_tensor_make(from, 2, Int32(channels), Int32(size.0), Int32(size.1), 1, 2, 0, 1)
        var target = csn_tensor_make(to, 2, Int32(channels), Int32(size.0), Int32(size.1), 0, 1, 2, 0)
        let input = Memory(source, values: x)
        let output = Memory(target)
        withPool(threads: 2) { csn_reorder(&source, input.first, &target, output.first, $0) }
        #expect(output.values == (from == CSN_PAIRED || to == CSN_PAIRED ? x.map(roundedToBF16) : x))
        #expect(output.isIntact)
        if from == CSN_PLANAR && to == CSN_BLOCKED && channels % 16 != 0 {
          let lanes = target.block_stride * (channels / 16) + channels % 16
          #expect(output.first[lanes] == 0, "lanes past the last channel")
        }
      }
    }

    @Test func roundingToPairs() {
      // Ties to even, both ways; the largest number rounds to infinity; NaN stays, whatever its bits.
      let bits: [UInt32] = [
        0x3F80_8000, 0x3F81_8000, 0x3F80_8001, 0x7F7F_FFFF, 0xFF80_0000, 0x7F80_0001, 0xFFFF_FFFF,
        0x8000_0000,
      ]
      let expected: [UInt32] = [
        0x3F80_0000, 0x3F82_0000, 0x3F81_0000, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0xFFFF_0000,
        0x8000_0000,
      ]
      var (planar, paired) = (tensor(1, 1, (1, 8), CSN_PLANAR), tensor(1, 1, (1, 8), CSN_PAIRED))
      let input = Memory(planar)
      for (index, bits) in bits.enumerated() { input.first[index] = Float(bitPattern: bits) }
      let output = Memory(paired)
      csn_reorder(&planar, input.first, &paired, output.first, nil)
      #expect((0..<8).map { output.first[$0 * 16].bitPattern << 16 } == expected)
    }

    @Test(arguments: [CSN_BLOCKED, CSN_PLANAR, CSN_PAIRED])
    func halo(_ layout: csn_layout) {
      var tensor = csn_tensor_make(layout, 2, 20, 3, 4, 1, 2, 3, 1)
      let memory = Memory(tensor, fill: 7)
      let before = memory.values
      withPool(threads: 2) { csn_clear_halo(&tensor, memory.first, $0) }
      #expect(memory.values == before)
      #expect(memory.isIntact)
      let pixel = layout == CSN_PLANAR ? 1 : 16
      #expect(memory.first[-pixel] == 0 && memory.first[4 * pixel] == 0)
      #expect(memory.first[-tensor.row_stride] == 0 && memory.first[5 * tensor.row_stride] == 0)
    }

    @Test(
      arguments: [CSN_BLOCKED, CSN_PLANAR], [CSN_PAD_CONSTANT, CSN_PAD_EDGE, CSN_PAD_REFLECT, CSN_PAD_WRAP])
    func padding(_ layout: csn_layout, _ mode: csn_pad_mode) {
      // Top, left, bottom, right; negative ones crop.
      for pads in [(3, 2, 1, 3), (0, 0, 0, 0), (-1, 2, 3, -2), (2, -1, -1, 0)] {
        let size = (5, 6)
        let out = (size.0 + pads.0 + pads.2, size.1 + pads.1 + pads.3)
        var numbers = Numbers(seed: 9)
        let x = numbers.array(18 * size.0 * size.1)
        func source(_ index: Int, _ extent: Int) -> Int? {
          if (0..<extent).contains(index) { return index }
          switch mode {
          case CSN_PAD_EDGE: return min(max(index, 0), extent - 1)
          case CSN_PAD_REFLECT: return index < 0 ? -index : 2 * (extent - 1) - index
          case CSN_PAD_WRAP: return (index + extent) % extent
          default: return nil
          }
        }
        var expected: [Float] = []
        for c in 0..<18 {
          for y in 0..<out.0 {
            for z in 0..<out.1 {
              if let iy = source(y - pads.0, size.0), let ix = source(z - pads.1, size.1) {
                expected.append(x[(c * size.0 + iy) * size.1 + ix])
              } else {
                expected.append(0.5)
              }
            }
          }
        }
        var pad = csn_pad(mode: mode, top: Int32(pads.0), left: Int32(pads.1), value: 0.5)
        var inTensor = tensor(1, 18, size, layout)
        var outTensor = tensor(1, 18, out, layout)
        #expect(csn_pad_check(&pad, &inTensor, &outTensor) == CSN_OK)
        let input = Memory(inTensor, values: x)
        let output = Memory(outTensor)
        withPool(threads: 2) { csn_pad_run(&pad, &inTensor, input.first, &outTensor, output.first, $0) }
        #expect(output.values == expected, "\(pads)")
        #expect(output.isIntact)
      }
    }

    @Test func reflectionStaysInside() {
      var pad = csn_pad(mode: CSN_PAD_REFLECT, top: 5, left: 0, value: 0)
      var inTensor = tensor(1, 16, (5, 5))
      var outTensor = tensor(1, 16, (10, 5))
      #expect(csn_pad_check(&pad, &inTensor, &outTensor) == CSN_INVALID)
    }

    /// Coordinates of ONNX Resize-19, written out.
    private func coordinate(
      _ mode: csn_resize_coordinates, _ scale: Double, _ input: Int, _ output: Int, _ x: Double
    )
      -> Double
    {
      switch mode {
      case CSN_RESIZE_HALF_PIXEL: return (x + 0.5) / scale - 0.5
      case CSN_RESIZE_PYTORCH_HALF_PIXEL: return output > 1 ? (x + 0.5) / scale - 0.5 : 0
      case CSN_RESIZE_ALIGN_CORNERS: return output == 1 ? 0 : x * Double(input - 1) / Double(output - 1)
      case CSN_RESIZE_HALF_PIXEL_SYMMETRIC:
        let adjustment = Double(output) / (scale * Double(input))
        let center = Double(input) / 2
        return center * (1 - adjustment) + (x + 0.5) / scale - 0.5
      default: return x / scale
      }
    }

    @Test(
      arguments: [
        CSN_RESIZE_HALF_PIXEL, CSN_RESIZE_HALF_PIXEL_SYMMETRIC, CSN_RESIZE_PYTORCH_HALF_PIXEL,
        CSN_RESIZE_ALIGN_CORNERS,
        CSN_RESIZE_ASYMMETRIC,
      ], [CSN_BLOCKED, CSN_PLANAR])
    func bilinear(_ mode: csn_resize_coordinates, _ layout: csn_layout) {
      var numbers = Numbers(seed: 10)
      for (size, out) in [((5, 7), (11, 3)), ((4, 4), (4, 4)), ((9, 1), (1, 33))] {
        let x = numbers.array(17 * size.0 * size.1)
        let scales = (Double(out.0) / Double(size.0), Double(out.1) / Double(size.1))
        func taps(_ scale: Double, _ input: Int, _ output: Int) -> [csn_resize_tap] {
          var taps = [csn_resize_tap](repeating: csn_resize_tap(), count: output)
          csn_resize_taps(CSN_RESIZE_LINEAR, mode, scale, Int32(input), Int32(output), &taps)
          return taps
        }
        let rows = taps(scales.0, size.0, out.0)
        let columns = taps(scales.1, size.1, out.1)
        func place(_ scale: Double, _ input: Int, _ output: Int, _ i: Int) -> (Int, Int, Double) {
          let c = min(max(coordinate(mode, scale, input, output, Double(i)), 0), Double(input - 1))
          return (Int(c), min(Int(c) + 1, input - 1), c - Double(Int(c)))
        }
        var expected: [Double] = []
        for c in 0..<17 {
          for y in 0..<out.0 {
            let (y0, y1, v) = place(scales.0, size.0, out.0, y)
            for z in 0..<out.1 {
              let (x0, x1, u) = place(scales.1, size.1, out.1, z)
              func at(_ y: Int, _ z: Int) -> Double { Double(x[(c * size.0 + y) * size.1 + z]) }
              expected.append(
                (at(y0, x0) * (1 - u) + at(y0, x1) * u) * (1 - v) + (at(y1, x0) * (1 - u) + at(y1, x1) * u)
                  * v)
            }
          }
        }
        var inTensor = tensor(1, 17, size, layout)
        var outTensor = tensor(1, 17, out, layout)
        let input = Memory(inTensor, values: x)
        for values in everyLevel({ pool in
          let output = Memory(outTensor)
          csn_resize_run(rows, columns, &inTensor, input.first, &outTensor, output.first, pool)
          return output.values
        }) { expectNear(values, expected, tolerance: 1e-6) }
      }
    }

    @Test func nearestRoundsAsAsked() {
      func places(_ method: csn_resize_method, _ input: Int32, _ output: Int32) -> [Int32] {
        var taps = [csn_resize_tap](repeating: csn_resize_tap(), count: Int(output))
        csn_resize_taps(method, CSN_RESIZE_ASYMMETRIC, Double(output) / Double(input), input, output, &taps)
        return taps.map(\.first)
      }
      #expect(places(CSN_RESIZE_NEAREST_FLOOR, 2, 4) == [0, 0, 1, 1])
      #expect(places(CSN_RESIZE_NEAREST_CEIL, 2, 4) == [0, 1, 1, 1])
      #expect(places(CSN_RESIZE_NEAREST_PREFER_FLOOR, 2, 4) == [0, 0, 1, 1])
      #expect(places(CSN_RESIZE_NEAREST_PREFER_CEIL, 2, 4) == [0, 1, 1, 1])
    }

    @Test(arguments: [(5, 0.75), (5, 0.5), (4, 1), (1, 0.6), (31, 0.75)], [64, 20, 3])
    func localResponse(_ parameters: (Int, Double), _ channels: Int) {
      let (size, beta) = parameters
      var lrn = csn_lrn(size: Int32(size), alpha: 0.3, beta: Float(beta), bias: 1.5)
      let extent = (3, 13)
      let area = extent.0 * extent.1
      var numbers = Numbers(seed: 11)
      let x = numbers.array(2 * channels * area)
      var expected: [Double] = []
      for n in 0..<2 {
        for c in 0..<channels {
          for p in 0..<area {
            let low = max(0, c - (size - 1) / 2)
            let high = min(channels - 1, c + size / 2)
            let sum = (low...high).reduce(0.0) { $0 + pow(Double(x[(n * channels + $1) * area + p]), 2) }
            expected.append(
              Double(x[(n * channels + c) * area + p])
                / pow(1.5 + Double(Float(0.3)) / Double(size) * sum, Double(Float(beta))))
          }
        }
      }
      var shape = tensor(2, channels, extent)
      #expect(csn_lrn_check(&lrn, &shape, &shape) == CSN_OK)
      let input = Memory(shape, values: x)
      for values in everyLevel({ pool in
        let output = Memory(shape)
        csn_lrn_run(&lrn, &shape, input.first, &shape, output.first, pool)
        return output.values
      }) { expectNear(values, expected, tolerance: 1e-6) }
    }
  }
}
