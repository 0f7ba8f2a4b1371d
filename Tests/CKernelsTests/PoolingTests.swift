import CKernels
import Testing

extension ForcedLevels {
  @Suite struct PoolingTests {
    struct Case: Sendable {
      var images = 1
      var channels = 16
      var size = (7, 7)
      var kernel = (3, 3)
      var stride = (1, 1)
      var dilation = (1, 1)
      /// Top, left, bottom, right.
      var pads = (0, 0, 0, 0)
      var ceil = false
    }

    static let cases: [Case] = [
      Case(channels: 16, size: (112, 33), stride: (2, 2), pads: (1, 1, 1, 1)),
      Case(images: 2, channels: 37, size: (13, 15), pads: (1, 1, 1, 1)),
      Case(channels: 16, size: (13, 14), kernel: (2, 2), stride: (2, 2), ceil: true),
      Case(channels: 5, size: (14, 28), stride: (2, 2), ceil: true),
      Case(channels: 16, size: (7, 1), kernel: (7, 1)),
      Case(
        images: 2, channels: 17, size: (9, 11), kernel: (3, 2), stride: (2, 3), dilation: (2, 2),
        pads: (1, 1, 2, 0)),
      Case(channels: 16, size: (5, 5), kernel: (5, 5), pads: (2, 2, 2, 2)),
    ]

    /// Pooling by its definition.
    func reference(_ test: Case, _ x: [Float], out: (Int, Int), maximum: Bool, countPadding: Bool) -> [Double]
    {
      var result: [Double] = []
      for plane in 0..<(test.images * test.channels) {
        for y in 0..<out.0 {
          for z in 0..<out.1 {
            var values: [Double] = []
            var counted = 0
            for ky in 0..<test.kernel.0 {
              for kx in 0..<test.kernel.1 {
                let iy = y * test.stride.0 - test.pads.0 + ky * test.dilation.0
                let ix = z * test.stride.1 - test.pads.1 + kx * test.dilation.1
                if iy < test.size.0 + test.pads.2 && ix < test.size.1 + test.pads.3 { counted += 1 }
                guard iy >= 0, iy < test.size.0, ix >= 0, ix < test.size.1 else { continue }
                values.append(Double(x[(plane * test.size.0 + iy) * test.size.1 + ix]))
              }
            }
            let sum = values.reduce(0, +)
            result.append(maximum ? values.max() ?? 0 : sum / Double(countPadding ? counted : values.count))
          }
        }
      }
      return result
    }

    @Test(arguments: cases, [(true, false), (false, false), (false, true)])
    func windows(_ test: Case, _ mode: (Bool, Bool)) {
      let (maximum, countPadding) = mode
      func extent(_ size: Int, _ kernel: Int, _ stride: Int, _ dilation: Int, _ pads: Int) -> Int {
        (size + pads - (kernel - 1) * dilation - 1 + (test.ceil ? stride - 1 : 0)) / stride + 1
      }
      let out = (
        extent(test.size.0, test.kernel.0, test.stride.0, test.dilation.0, test.pads.0 + test.pads.2),
        extent(test.size.1, test.kernel.1, test.stride.1, test.dilation.1, test.pads.1 + test.pads.3)
      )
      var pooling = csn_pooling(
        kind: maximum ? CSN_POOLING_MAX : CSN_POOLING_AVERAGE, kernel_h: Int32(test.kernel.0),
        kernel_w: Int32(test.kernel.1), stride_h: Int32(test.stride.0), stride_w: Int32(test.stride.1),
        dilation_h: Int32(test.dilation.0), dilation_w: Int32(test.dilation.1), pad_top: Int32(test.pads.0),
        pad_left: Int32(test.pads.1), pad_bottom: Int32(test.pads.2), pad_right: Int32(test.pads.3),
        count_padding: countPadding)
      var numbers = Numbers(seed: 3)
      let x = numbers.array(test.images * test.channels * test.size.0 * test.size.1)
      for layout in [CSN_BLOCKED, CSN_PAIRED] {
        var inTensor = tensor(test.images, test.channels, test.size, layout)
        var outTensor = tensor(test.images, test.channels, out, layout)
        #expect(csn_pooling_check(&pooling, &inTensor, &outTensor) == CSN_OK)
        let paired = layout == CSN_PAIRED
        let expected = reference(
          test, paired ? x.map(roundedToBF16) : x, out: out, maximum: maximum, countPadding: countPadding)
        let input = Memory(inTensor, values: x)
        for values in everyLevel({ pool in
          let output = Memory(outTensor)
          csn_pooling_run(&pooling, &inTensor, input.first, &outTensor, output.first, pool)
          #expect(output.isIntact)
          return output.values
        }) {
          // Averages of pairs are rounded to eight bits; maxima are exact.
          expectNear(values, expected, tolerance: maximum ? 0 : paired ? 1.0 / 256 : 1e-6)
        }
      }
    }

    @Test func refusesOtherLayouts() {
      var pooling = csn_pooling(
        kind: CSN_POOLING_MAX, kernel_h: 1, kernel_w: 1, stride_h: 1, stride_w: 1, dilation_h: 1,
        dilation_w: 1,
        pad_top: 0, pad_left: 0, pad_bottom: 0, pad_right: 0, count_padding: false)
      var (blocked, paired) = (tensor(1, 16, (4, 4)), tensor(1, 16, (4, 4), CSN_PAIRED))
      var planar = tensor(1, 16, (4, 4), CSN_PLANAR)
      #expect(csn_pooling_check(&pooling, &blocked, &paired) == CSN_UNSUPPORTED)
      #expect(csn_pooling_check(&pooling, &planar, &planar) == CSN_UNSUPPORTED)
    }

    @Test func refusesEmptyWindows() {
      var pooling = csn_pooling(
        kind: CSN_POOLING_MAX, kernel_h: 2, kernel_w: 2, stride_h: 1, stride_w: 1, dilation_h: 1,
        dilation_w: 1,
        pad_top: 2, pad_left: 0, pad_bottom: 0, pad_right: 0, count_padding: false)
      var inTensor = tensor(1, 16, (4, 4))
      var outTensor = tensor(1, 16, (5, 3))
      #expect(csn_pooling_check(&pooling, &inTensor, &outTensor) == CSN_INVALID)
    }

    @Test(
      arguments: [(1, 16, (7, 7)), (3, 37, (1, 1)), (2, 2048, (5, 3))], [CSN_BLOCKED, CSN_PAIRED])
    func wholePlanes(_ shape: (Int, Int, (Int, Int)), _ layout: csn_layout) {
      let (images, channels, size) = shape
      var numbers = Numbers(seed: 4)
      let area = size.0 * size.1
      let exact = numbers.array(images * channels * area)
      let x = layout == CSN_PAIRED ? exact.map(roundedToBF16) : exact
      var inTensor = tensor(images, channels, size, layout)
      let input = Memory(inTensor, values: x)
      let planes = (0..<(images * channels)).map { x[($0 * area)..<(($0 + 1) * area)].map(Double.init) }
      for values in everyLevel({ pool in
        var y = [Float](repeating: .nan, count: images * channels)
        csn_global_average(&inTensor, input.first, &y, channels, pool)
        return y
      }) { expectNear(values, planes.map { $0.reduce(0, +) / Double(area) }, tolerance: 1e-6) }
      for values in everyLevel({ pool in
        var y = [Float](repeating: .nan, count: images * channels)
        csn_global_max(&inTensor, input.first, &y, channels, pool)
        return y
      }) { expectNear(values, planes.map { $0.max() ?? 0 }, tolerance: 0) }
    }
  }
}

/// A blocked tensor without halo.
func tensor(_ images: Int, _ channels: Int, _ size: (Int, Int), _ layout: csn_layout = CSN_BLOCKED)
  -> csn_tensor
{
  csn_tensor_make(layout, Int32(images), Int32(channels), Int32(size.0), Int32(size.1), 0, 0, 0, 0)
}
