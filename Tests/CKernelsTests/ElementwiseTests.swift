import CKernels
import Foundation
import Testing

extension ForcedLevels {
  @Suite struct ElementwiseTests {
    static let binary: [(csn_binary_op, @Sendable (Double, Double) -> Double)] = [
      (CSN_ADD, { $0 + $1 }), (CSN_SUBTRACT, { $0 - $1 }), (CSN_MULTIPLY, { $0 * $1 }),
      (CSN_DIVIDE, { $0 / $1 }),
      (CSN_MAXIMUM, { max($0, $1) }), (CSN_MINIMUM, { min($0, $1) }),
      (CSN_SQUARED_DIFFERENCE, { ($0 - $1) * ($0 - $1) }),
    ]

    @Test(arguments: 0..<binary.count, [1, 16, 33, 50_000])
    func twoOperands(_ index: Int, _ count: Int) {
      let (op, function) = Self.binary[index]
      var numbers = Numbers(seed: 5)
      let a = numbers.array(count)
      let b = numbers.array(count)
      for values in everyLevel({ pool in
        var out = [Float](repeating: .nan, count: count)
        csn_binary(op, a, b, &out, count, pool)
        return out
      }) { expectNear(values, zip(a, b).map { function(Double($0), Double($1)) }, tolerance: 2e-7) }
      for values in everyLevel({ pool in
        var out = a
        out.withUnsafeMutableBufferPointer {
          csn_binary_scalar(op, $0.baseAddress, 0.75, $0.baseAddress, count, pool)
        }
        return out
      }) { expectNear(values, a.map { function(Double($0), 0.75) }, tolerance: 2e-7) }
    }

    static let unary: [(csn_unary_op, Float, Float, @Sendable (Double) -> Double)] = [
      (CSN_CLAMP, -0.5, 0.25, { min(0.25, max(-0.5, $0)) }),
      (CSN_AFFINE, 3, -1, { 3 * $0 - 1 }),
      (CSN_LEAKY_RELU, 0.125, 0, { $0 > 0 ? $0 : 0.125 * $0 }),
      (CSN_EXP, 0, 0, { exp($0) }),
      (CSN_SIGMOID, 0, 0, { 1 / (1 + exp(-$0)) }),
      (CSN_TANH, 0, 0, { tanh($0) }),
      (CSN_SQRT, 0, 0, { $0.squareRoot() }),
      (CSN_ABS, 0, 0, { abs($0) }),
      (CSN_HARD_SIGMOID, 0.25, 0.5, { max(0, min(1, 0.25 * $0 + 0.5)) }),
    ]

    @Test(arguments: 0..<unary.count)
    func oneOperand(_ index: Int) {
      let (op, a, b, function) = Self.unary[index]
      let x =
        (-4000...4000).map { Float($0) * 0.03 } + (-100...100).map { Float($0) * 0.0007 } + [
          .infinity, -.infinity, .nan, 0, 88.5, -87.5, -103.5,
        ]
      for values in everyLevel({ pool in
        var out = [Float](repeating: .nan, count: x.count)
        csn_unary(op, x, a, b, &out, x.count, pool)
        return out
      }) {
        // Large exponentials overflow floats as they should.
        let expected = x.map { $0.isNaN ? .nan : Double(Float(function(Double($0)))) }
        expectNear(values, expected, tolerance: 3e-7)
      }
    }

    @Test(arguments: [(1, 1000, 1), (3, 7, 1), (2, 5, 49), (4, 1, 1), (1, 16, 16)])
    func softmax(_ outer: Int, _ count: Int, _ inner: Int) {
      var numbers = Numbers(seed: 6)
      let x = numbers.array(outer * count * inner).map { $0 * 20 }
      var expected = x.map(Double.init)
      for o in 0..<outer {
        for i in 0..<inner {
          let places = (0..<count).map { (o * count + $0) * inner + i }
          let most = places.map { expected[$0] }.max() ?? 0
          let total = places.reduce(0) { $0 + exp(expected[$1] - most) }
          for place in places { expected[place] = exp(expected[place] - most) / total }
        }
      }
      for values in everyLevel({ pool in
        var out = x
        out.withUnsafeMutableBufferPointer {
          csn_softmax($0.baseAddress, $0.baseAddress, outer, count, inner, pool)
        }
        return out
      }) { expectNear(values, expected, tolerance: 1e-6) }
    }

    @Test(arguments: [true, false], [16, 37])
    func byChannel(_ perImage: Bool, _ channels: Int) {
      var numbers = Numbers(seed: 12)
      let extent = (3, 5)
      let area = extent.0 * extent.1
      let padded = (channels + 15) / 16 * 16
      let x = numbers.array(2 * channels * area)
      let scale = numbers.array(2 * padded)
      let shift = numbers.array(2 * padded)
      let expected = x.indices.map { index in
        let channel = index / area % channels + (perImage ? index / area / channels * padded : 0)
        return min(0.5, max(-0.25, Double(scale[channel]) * Double(x[index]) + Double(shift[channel])))
      }
      var shape = tensor(2, channels, extent)
      let input = Memory(shape, values: x)
      for values in everyLevel({ pool in
        let output = Memory(shape)
        csn_channel_affine(
          &shape, input.first, scale, shift, perImage ? padded : 0, -0.25, 0.5, &shape, output.first, pool)
        #expect(output.isIntact)
        return output.values
      }) { expectNear(values, expected, tolerance: 2e-7) }
      for values in everyLevel({ pool in
        let output = Memory(shape)
        csn_channel_affine(
          &shape, input.first, nil, nil, 0, -.infinity, .infinity, &shape, output.first, pool)
        return output.values
      }) { #expect(values == x) }
    }
  }
}
