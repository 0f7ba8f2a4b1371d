import RealModule
import Testing

@testable import GraphRuntime

@Suite struct ReductionTests {
  /// Every set of axes of a tensor of four, against sums in double.
  @Test(arguments: 1..<16) func sumsOverAnyAxes(mask: Int) throws {
    let shape = [3, 5, 2, 7]
    let values = (0..<210).map { Float(($0 * 37) % 101) / 7 }
    let axes = (0..<4).filter { mask >> $0 & 1 == 1 }
    let strides = shape.rowMajorStrides
    let kept = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
    var expected = [Double](repeating: 0, count: kept.reduce(1, *))
    for index in values.indices {
      let place = shape.indices.reduce(0) { place, axis in
        place * kept[axis] + (axes.contains(axis) ? 0 : index / strides[axis] % shape[axis])
      }
      expected[place] += Double(values[index])
    }
    let inputs = [Tensor(values, shape: shape), Tensor(axes.map(Int64.init), shape: [axes.count])]
    let result = try SingleNode(op: "ReduceSum").run(inputs)[0]
    #expect(result.shape == kept)
    for (a, b) in zip(result.elements(Float.self), expected) { #expect(abs(Double(a) - b) <= 1e-5 * abs(b)) }
    #expect(try SingleNode(op: "ReduceSum", threads: 3).run(inputs)[0].isBitwiseEqual(to: result))
  }

  /// A million equal elements: the error stays that of a few roundings.
  @Test func longSumsStayAccurate() throws {
    let count = 1 << 20
    let result = try SingleNode(op: "ReduceMean").run([
      Tensor([Float](repeating: 0.1, count: count), shape: [count])
    ])
    #expect(abs(result[0].elements(Float.self)[0] - 0.1) < 1e-6)
  }
}

@Suite struct FourierTransformTests {
  @Test(arguments: [1, 2, 3, 5, 8, 12, 17, 64, 100])
  func agreesWithTheDefinition(length: Int) {
    let signal: [SIMD2<Double>] = (0..<length).map { n in
      let (x, y) = (Double(n * 7 % 11), Double(n * 5 % 13))
      return SIMD2(x - 5, y - 6)
    }
    let result = FourierTransform(length: length)(signal, inverse: false)
    for k in 0..<length {
      var sum = SIMD2<Double>.zero
      for n in 0..<length {
        let angle = -2 * Double.pi * Double(k * n % length) / Double(length)
        let (c, s) = (Double.cos(angle), Double.sin(angle))
        sum += SIMD2(signal[n].x * c - signal[n].y * s, signal[n].x * s + signal[n].y * c)
      }
      #expect(abs(result[k].x - sum.x) < 1e-9 && abs(result[k].y - sum.y) < 1e-9)
    }
    let back = FourierTransform(length: length)(result, inverse: true)
    for n in 0..<length {
      #expect(abs(back[n].x - signal[n].x) < 1e-9 && abs(back[n].y - signal[n].y) < 1e-9)
    }
  }
}
