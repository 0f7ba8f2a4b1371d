import Testing

@testable import GraphRuntime

/// A graph under construction, with convolutions that put their surroundings on the blocked layout.
struct ConvolutionNet {
  var graph = Graph()
  var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  mutating func floats(_ count: Int, scale: Float = 1) -> [Float] {
    (0..<count).map { _ in (Float(random.next(below: 2001)) / 1000 - 1) * scale }
  }

  mutating func input(_ shape: [Int]) -> Value.ID {
    graph.addInput("x", .tensor(TensorType(.float32, Shape(shape))))
  }

  mutating func convolution(
    _ x: Value.ID, from channels: Int, to outputs: Int, kernel: Int = 1, stride: Int = 1, pad: Int = 0,
    groups: Int = 1,
    bias: Bool = true
  ) -> Value.ID {
    let shape = [outputs, channels / groups, kernel, kernel]
    let count = shape.reduce(1, *)
    let scale = 1 / Float(count / outputs).squareRoot()
    let weights = graph.addInitializer("w", Tensor(floats(count, scale: scale), shape: shape))
    var inputs: [Value.ID?] = [x, weights]
    if bias { inputs.append(graph.addInitializer("b", Tensor(floats(outputs), shape: [outputs]))) }
    let y = graph.addValue("conv")
    graph.addNode(
      "Conv", name: "conv", inputs: inputs, outputs: [y],
      attributes: [
        "strides": .ints([stride, stride]), "pads": .ints([pad, pad, pad, pad]), "group": .int(groups),
      ])
    return y
  }

  mutating func node(_ op: OperatorName, _ inputs: [Value.ID], _ attributes: [String: Attribute] = [:])
    -> Value.ID
  {
    let y = graph.addValue(op.type)
    graph.addNode(op, name: op.type, inputs: inputs, outputs: [y], attributes: attributes)
    return y
  }

  static let window: [String: Attribute] = [
    "kernel_shape": .ints([3, 3]), "strides": .ints([2, 2]), "pads": .ints([1, 1, 1, 1]),
  ]

  /// Runs both ways, for one and two threads, and compares; returns the plan.
  @discardableResult
  func compare(
    shape: [Int], level: OptimizationLevel = .all, precision: Session.Precision = .float32
  ) throws -> Plan {
    var net = self
    let x = Tensor(net.floats(shape.reduce(1, *)), shape: shape)
    let expected = try Interpreter(net.graph).run([net.graph.inputs[0]: .tensor(x)])
    var plan: Plan?
    for threads in 1...2 {
      var options = Session.Options()
      options.threads = threads
      options.optimization = level
      options.precision = precision
      let session = try Session(net.graph, options: options)
      let results = try session.run(["x": x])
      for (id, reference) in zip(net.graph.outputs, expected) {
        let got: [Float] = try #require(results[net.graph[id].name]).elements()
        let want: [Float] = try #require(reference.tensor).elements()
        #expect(got.count == want.count)
        // Winograd's transforms and another order of sums: some units of the largest value. bfloat16 has 8 bits: every
        // layer adds up to half a unit of the last, 2e-3.
        let tolerance = (precision == .float32 ? 2e-5 : 2e-2) * max(1, want.map(abs).max() ?? 0)
        #expect(zip(got, want).allSatisfy { abs($0 - $1) <= tolerance })
      }
      plan = try session.plan(for: ["x": shape])
    }
    return try #require(plan)
  }
}
