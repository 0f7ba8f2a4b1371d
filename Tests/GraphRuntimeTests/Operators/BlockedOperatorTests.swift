import Testing

@testable import GraphRuntime

/// Operators between convolutions: on the blocked layout they give what they give on row-major tensors, and no copy
/// to another layout is left around them.
@Suite struct BlockedOperatorTests {
  /// Full blocks, and a last block with 4 of 16 channels.
  static let channels = [32, 20]

  /// Convolution, what `body` adds, convolution, global pooling; for 2 images. Where `isServed`, all of it is blocked.
  private func check(
    _ channels: Int, isServed: Bool = true, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (inout ConvolutionNet, Value.ID) -> Value.ID
  ) throws {
    var net = ConvolutionNet(seed: UInt64(channels))
    let x = net.input([2, 3, 7, 9])
    let y = body(&net, net.convolution(x, from: 3, to: channels, kernel: 3, pad: 1))
    net.graph.addOutput(net.node("GlobalAveragePool", [net.convolution(y, from: channels, to: 18)]))
    let plan = try net.compare(shape: [2, 3, 7, 9], level: .none)
    #expect(
      plan.steps.contains { $0.op == Relayout.name } == !isServed, sourceLocation: sourceLocation)
  }

  private func constant(_ net: inout ConvolutionNet, _ shape: [Int]) -> Value.ID {
    // Away from zero, to divide by.
    let numbers = net.floats(shape.reduce(1, *)).map { $0 < 0 ? $0 - 0.5 : $0 + 0.5 }
    return net.graph.addInitializer("c", Tensor(numbers, shape: shape))
  }

  @Test(arguments: channels) func batchNormalization(channels: Int) throws {
    try check(channels) { net, x in
      let vectors = (0..<3).map { _ in constant(&net, [channels]) }
      let variance = net.graph.addInitializer(
        "v", Tensor(net.floats(channels).map { abs($0) + 0.1 }, shape: [channels]))
      return net.node("BatchNormalization", [x] + vectors + [variance], ["epsilon": .float(1e-3)])
    }
  }

  @Test(arguments: channels, ["Add", "Sub", "Mul", "Div"] as [OperatorName])
  func constantsByChannel(channels: Int, op: OperatorName) throws {
    for shape in [[1, channels, 1, 1], [channels, 1, 1]] {
      try check(channels) { net, x in net.node(op, [x, constant(&net, shape)]) }
    }
    let isServed = op == "Add" || op == "Mul"
    try check(channels, isServed: isServed) { net, x in
      // Not divided by what is almost zero.
      net.node(op, [constant(&net, [channels, 1, 1]), net.node("Sigmoid", [x])])
    }
  }

  /// Squeeze and excitation: each image scaled by numbers of its own.
  @Test(arguments: channels, ["Mul", "Add"] as [OperatorName])
  func computedNumbersByChannel(channels: Int, op: OperatorName) throws {
    for isFirst in [true, false] {
      try check(channels) { net, x in
        let squeezed = net.convolution(
          net.node("AveragePool", [x], ["kernel_shape": .ints([7, 9])]), from: channels, to: channels)
        let gate = net.node("Sigmoid", [squeezed])
        return net.node(op, isFirst ? [gate, x] : [x, gate])
      }
    }
  }

  @Test(arguments: channels, ["Add", "Sub", "Mul", "Div", "Max", "Min"] as [OperatorName])
  func constantNumbers(channels: Int, op: OperatorName) throws {
    for shape in [[], [1], [1, 1, 1, 1]] {
      try check(channels) { net, x in net.node(op, [x, constant(&net, shape)]) }
    }
    try check(channels, isServed: op != "Div") { net, x in
      net.node(op, [constant(&net, []), net.node("Sigmoid", [x])])
    }
  }

  @Test(arguments: channels, ["Sum", "Div"] as [OperatorName])
  func tensorsOfOneShape(channels: Int, op: OperatorName) throws {
    // Past the last channel are zeros, which can't be divided by.
    try check(channels, isServed: op != "Div" || channels == 32) { net, x in
      let other = net.node("Clip", [x, net.graph.addInitializer("low", Tensor(scalar: Float(0.5)))])
      return net.node(op, [x, other])
    }
  }

  @Test(
    arguments: channels,
    [
      "HardSigmoid", "Abs", "Neg", "HardSwish", "Elu", "Selu", "Celu", "Softplus", "Gelu", "Mish", "Swish",
      "Tanh",
    ] as [OperatorName])
  func functions(channels: Int, op: OperatorName) throws {
    try check(channels) { net, x in net.node(op, [x]) }
  }

  @Test(arguments: channels) func slopes(channels: Int) throws {
    try check(channels) { net, x in net.node("PRelu", [x, constant(&net, [1, 1, 1])]) }
    try check(channels, isServed: false) { net, x in
      net.node("PRelu", [x, constant(&net, [channels, 1, 1])])
    }
  }

  @Test(arguments: channels) func functionsThatAreUndefinedSomewhere(channels: Int) throws {
    try check(channels, isServed: channels == 32) { net, x in net.node("Exp", [x]) }
    try check(channels, isServed: channels == 32) { net, x in net.node("Sqrt", [net.node("Abs", [x])]) }
    // Past the last channel stands -1, which has no root.
    try check(channels, isServed: channels == 32) { net, x in
      let fives = Tensor([Float](repeating: 5, count: channels), shape: [channels, 1, 1])
      let raised = net.node("Add", [x, net.graph.addInitializer("fives", fives)])
      let one = net.graph.addInitializer("one", Tensor(scalar: Float(1)))
      return net.node("Sqrt", [net.node("Sub", [raised, one])])
    }
  }

  @Test(
    arguments: channels,
    ["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric"])
  func resizing(channels: Int, transformation: String) throws {
    for (mode, rounding) in [
      ("linear", ""), ("nearest", "round_prefer_floor"), ("nearest", "round_prefer_ceil"),
      ("nearest", "floor"),
      ("nearest", "ceil"),
    ] {
      var attributes: [String: Attribute] = [
        "mode": .string(mode), "coordinate_transformation_mode": .string(transformation),
      ]
      if !rounding.isEmpty { attributes["nearest_mode"] = .string(rounding) }
      for scales: [Float] in [[1, 1, 2, 2], [1, 1, 1.7, 0.6], [1, 1, 1, 3]] {
        try check(channels) { net, x in
          net.resized(x, scales: Tensor(scales, shape: [4]), attributes)
        }
      }
    }
  }

  @Test func resizingThatIsLeftToRowMajorKernels() throws {
    for attributes: [String: Attribute] in [
      ["mode": .string("cubic")], ["mode": .string("linear"), "antialias": .int(1)],
    ] {
      try check(20, isServed: false) { net, x in
        net.resized(x, scales: Tensor([Float(1), 1, 0.5, 0.5], shape: [4]), attributes)
      }
    }
  }

  /// A NaN goes where a number follows it in the window, and stays where it comes last, as in ONNX Runtime.
  @Test func maxPoolTreatsNaNsAlike() throws {
    var net = ConvolutionNet(seed: 1)
    let x = net.input([1, 16, 9, 9])
    let ones = net.graph.addInitializer("w", Tensor([Float](repeating: 1, count: 16), shape: [16, 1, 1, 1]))
    let same = net.node("Conv", [x, ones], ["group": .int(16)])
    net.graph.addOutput(net.node("MaxPool", [same], ConvolutionNet.window))
    var numbers = net.floats(16 * 81)
    // In the middle of its window; at its end; at its beginning; next to the padding; a channel of nothing else.
    for place in [40, 81 + 30, 162, 243 + 80] + Array(324..<405) { numbers[place] = .nan }
    let input = Tensor(numbers, shape: [1, 16, 9, 9])
    let rowMajor = try Interpreter(net.graph).run([x: .tensor(input)])[0].tensor
    let session = try Session(net.graph)
    for result in [rowMajor, try session.run(["x": input]).values.first] {
      let elements = try #require(result).elements(Float.self)
      #expect(elements.indices.filter { elements[$0].isNaN } == [25 + 6, 75 + 24] + Array(100..<125))
    }
  }
}

extension ConvolutionNet {
  fileprivate mutating func resized(
    _ x: Value.ID, scales: Tensor, _ attributes: [String: Attribute]
  ) -> Value.ID {
    let y = graph.addValue("resized")
    graph.addNode(
      "Resize", name: "resize", inputs: [x, nil, graph.addInitializer("scales", scales)], outputs: [y],
      attributes: attributes)
    return y
  }
}
