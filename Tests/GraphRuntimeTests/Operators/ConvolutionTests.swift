import Testing

@testable import GraphRuntime

@Suite("Convolution")
struct ConvolutionTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var x: [Int]
    var w: [Int]
    var groups = 1
    var strides: [Int]
    var dilations: [Int]
    var pads: [Int]
    var testDescription: String {
      "\(x) by \(w), \(groups) groups, strides \(strides), dilations \(dilations)"
    }
  }

  static let cases = [
    Case(x: [2, 3, 9], w: [4, 3, 3], strides: [2], dilations: [2], pads: [1, 2]),
    Case(
      x: [1, 6, 7, 5], w: [4, 3, 3, 2], groups: 2, strides: [2, 1], dilations: [1, 2], pads: [0, 1, 2, 1]),
    Case(
      x: [2, 5, 6, 6], w: [5, 1, 3, 3], groups: 5, strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1]),
    Case(x: [1, 4, 6, 6], w: [8, 4, 1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0]),
    Case(x: [1, 4, 6, 6], w: [8, 4, 1, 1], strides: [2, 2], dilations: [1, 1], pads: [0, 0, 0, 0]),
    Case(
      x: [1, 2, 4, 5, 6], w: [5, 2, 2, 3, 3], strides: [1, 2, 1], dilations: [1, 1, 2],
      pads: [1, 0, 1, 0, 1, 2]),
    // Larger than one tile of output positions, and cropped by negative padding.
    Case(x: [1, 4, 40, 41], w: [4, 4, 3, 3], strides: [1, 1], dilations: [1, 1], pads: [-1, 1, 1, -2]),
  ]

  @Test(arguments: cases) func agreesWithTheDefinition(_ test: Case) throws {
    var noise = Noise(2)
    let x = random(test.x, &noise)
    let w = random(test.w, &noise)
    let bias = random([test.w[0]], &noise)
    let node = SingleNode(
      op: "Conv",
      attributes: [
        "group": .int(test.groups), "strides": .ints(test.strides), "dilations": .ints(test.dilations),
        "pads": .ints(test.pads),
      ], threads: 2)
    let result = try node.run([x, w, bias])[0]
    let expected = definition(x, w, bias, test, shape: result.shape)
    #expect(result.difference(from: expected, relative: 1e-5, absolute: 1e-5) == nil)
  }

  /// Transposed convolution is the adjoint of convolution: <conv(x), y> = <x, convTranspose(y)>.
  @Test(arguments: cases.dropLast()) func transposedIsAdjoint(_ test: Case) throws {
    var noise = Noise(3)
    let x = random(test.x, &noise)
    let w = random(test.w, &noise)
    let attributes: [String: Attribute] = [
      "group": .int(test.groups), "strides": .ints(test.strides), "dilations": .ints(test.dilations),
      "pads": .ints(test.pads),
    ]
    let forward = try SingleNode(op: "Conv", attributes: attributes).run([x, w])[0]
    let y = random(forward.shape, &noise)
    var backward = attributes
    backward["output_shape"] = nil
    // What the strides leave over at the end belongs to the input all the same.
    backward["output_padding"] = .ints(
      (0..<test.strides.count).map { axis in
        let rank = test.strides.count
        let reach = (test.w[axis + 2] - 1) * test.dilations[axis] + 1
        return (test.x[axis + 2] + test.pads[axis] + test.pads[axis + rank] - reach) % test.strides[axis]
      })
    let adjoint = try SingleNode(op: "ConvTranspose", attributes: backward).run([y, w])[0]
    #expect(adjoint.shape == x.shape)
    func product(_ a: Tensor, _ b: Tensor) -> Double {
      zip(a.doubles, b.doubles).reduce(0) { $0 + $1.0 * $1.1 }
    }
    #expect(abs(product(forward, y) - product(x, adjoint)) < 1e-3)
  }

  @Test func keepsSymbols() throws {
    let node = SingleNode(op: "Conv", attributes: ["strides": .ints([2, 1]), "pads": .ints([1, 1, 1, 1])])
    let x = TensorType(.float32, [.symbol("N"), 3, .symbol("H"), .symbol("W")])
    let w = TensorType(.float32, [64, 3, 3, 3])
    let type = try node.inferredTypes([.tensor(x), .tensor(w)])[0]
    #expect(type?.description == "float[N, 64, floor((H - 1)/2) + 1, W]")
  }

  @Test(arguments: [
    ([1, 4, 8, 8], [2, 3, 3, 3], "the weights have 3 input channels, but the input has 4"),
    ([1, 3, 2, 8], [2, 3, 3, 3], "a window of 3 does not fit into an extent of 2"),
    ([1, 3, 8], [2, 3, 3, 3], "the weights must have 3 axes"),
  ]) func refuses(x: [Int], w: [Int], message: String) {
    let types: [ValueType?] = [x, w].map { .tensor(TensorType(.float32, Shape($0))) }
    let error = #expect(throws: GraphError.self) { try SingleNode(op: "Conv").inferredTypes(types) }
    #expect(error?.description.contains(message) == true, "\(error.map(\.description) ?? "")")
  }

  @Test func refusesWindowsBeyondMeasure() {
    let node = SingleNode(
      op: "MaxPool",
      attributes: [
        "kernel_shape": .ints([1 << 29, 1 << 29]), "pads": .ints([1 << 29, 1 << 29, 1 << 29, 1 << 29]),
      ])
    #expect(throws: GraphError.self) {
      try node.inferredTypes([.tensor(TensorType(.float32, [1, 1, 8, 8]))])
    }
  }

  private func random(_ shape: [Int], _ noise: inout Noise) -> Tensor {
    Tensor((0..<shape.reduce(1, *)).map { _ in noise.next() }, shape: shape)
  }

  /// The sum over channels and taps, as ONNX defines it.
  private func definition(_ x: Tensor, _ w: Tensor, _ bias: Tensor, _ test: Case, shape: [Int]) -> Tensor {
    let (xs, ws, bs) = (x.elements(Float.self), w.elements(Float.self), bias.elements(Float.self))
    let rank = shape.count - 2
    let taps = Array(test.w.dropFirst(2))
    let perGroup = test.w[0] / test.groups
    let values = (0..<shape.reduce(1, *)).map { position -> Float in
      let at = WindowGeometry.unravel(position, shape)
      var sum = Double(bs[at[1]])
      for channel in 0..<test.w[1] {
        for tap in 0..<taps.reduce(1, *) {
          let offset = WindowGeometry.unravel(tap, taps)
          var source = at[0] * test.x[1] + at[1] / perGroup * test.w[1] + channel
          var isInside = true
          for axis in 0..<rank {
            let place =
              at[axis + 2] * test.strides[axis] + offset[axis] * test.dilations[axis] - test.pads[axis]
            if !(0..<test.x[axis + 2]).contains(place) { isInside = false }
            source = source * test.x[axis + 2] + place
          }
          guard isInside else { continue }
          sum += Double(xs[source]) * Double(ws[(at[1] * test.w[1] + channel) * taps.reduce(1, *) + tap])
        }
      }
      return Float(sum)
    }
    return Tensor(values, shape: shape)
  }
}
