import Testing

@testable import GraphRuntime

/// Graphs with parts that depend on data: what comes before those is planned, and the interpreter does the rest.
@Suite struct PlannedSegmentTests {
  /// Runs `graph` by plan and wholly in the interpreter, compares bit by bit but for `tolerance`, returns the session.
  @discardableResult
  private func check(
    _ graph: Graph, _ inputs: [String: Tensor], steps: [OperatorName], rest: [OperatorName],
    tolerance: Double = 0
  ) throws -> Session {
    var options = Session.Options()
    options.optimization = .none
    options.profile = true
    let session = try Session(graph, options: options)
    let plan = try session.plan(for: inputs.mapValues(\.shape))
    #expect(plan.isDynamic)
    #expect(plan.steps.filter { !$0.isContinued }.map(\.op) == steps)
    let values = Dictionary(
      uniqueKeysWithValues: graph.inputs.compactMap { id in
        inputs[graph[id].name].map { (id, RuntimeValue.tensor($0)) }
      })
    let expected = try Interpreter(graph).run(values)
    // Twice: the second run has the first one's memory.
    for _ in 0..<2 {
      let results = try session.run(inputs)
      for (id, value) in zip(graph.outputs, expected) {
        let (got, want) = (try #require(results[graph[id].name]), try #require(value.tensor))
        #expect(got.shape == want.shape)
        #expect(zip(got.doubles, want.doubles).allSatisfy { abs($0 - $1) <= tolerance })
      }
    }
    let ran = session.profile.steps.filter { !$0.description.isContinued }
    #expect(ran.map(\.description.op) == steps + rest)
    #expect(ran.allSatisfy { $0.runs == 2 })
    return session
  }

  @Test func aBackboneBeforeNonZero() throws {
    var net = ConvolutionNet(seed: 3)
    let x = net.input([1, 3, 10, 12])
    let features = net.node("Relu", [net.convolution(x, from: 3, to: 20, kernel: 3, pad: 1)])
    let scores = net.convolution(features, from: 20, to: 4)
    let found = net.node("NonZero", [net.node("Relu", [scores])])
    net.graph.addOutput(net.node("Transpose", [found]))
    net.graph.addOutput(scores)
    let image = Tensor(net.floats(360), shape: [1, 3, 10, 12])
    let session = try check(
      net.graph, ["x": image],
      steps: ["Conv", "Relu", "Conv", "Relu", Relayout.name, Relayout.name], rest: ["NonZero", "Transpose"],
      tolerance: 1e-4)
    let plan = try session.plan()
    #expect(plan.multiplyAdds == 120 * (20 * 27 + 4 * 20))
    #expect(plan.memory.arenaBytes > 0)
    #expect(plan.outputs.map(\.name) == session.outputs.map(\.name))
  }

  /// Each run is given other shapes; plans and their executions are kept beside each other.
  @Test func otherShapesAreOtherPlans() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N")])))
    graph.addOutput(graph.add("NonZero", graph.add("Relu", x), output: "y"))
    let session = try Session(graph)
    let ranges = [0...1, -1...3, -4...(-2), -10...10]
    for values: [Float] in ranges.map({ $0.map { Float($0) } }) {
      let places = try session.run(["x": Tensor(values, shape: [values.count])])["y"]
      let expected = values.indices.filter { values[$0] > 0 }
      #expect(places?.elements(Int64.self).map { Int($0) } == expected)
    }
  }

  /// The shapes are all known, but a kernel needs the values of an input: it and what follows wait for them.
  @Test func kernelsThatNeedValues() throws {
    var graph = Graph()
    let roi = graph.addInput("roi", .tensor(TensorType(.float32, [4])))
    let x = graph.addInput("x", .tensor(TensorType(.float32, [3, 4])))
    let sizes = graph.addInitializer("sizes", Tensor([Int64(2), 2], shape: [2]))
    let cropped = graph.addValue("cropped")
    graph.addNode(
      "Resize", name: "crop", inputs: [graph.add("Neg", x), roi, nil, sizes], outputs: [cropped],
      attributes: [
        "mode": .string("linear"), "coordinate_transformation_mode": .string("tf_crop_and_resize"),
      ])
    graph.addOutput(graph.add("Abs", cropped, output: "y"))
    graph.addOutput(graph.add("Relu", x, output: "z"))
    try check(
      graph,
      [
        "x": Tensor((0..<12).map { Float($0) }, shape: [3, 4]),
        "roi": Tensor([Float(0), 0.25, 0.5, 1], shape: [4]),
      ], steps: ["Neg", "Relu"], rest: ["Resize", "Abs"])
  }

  /// A branch reads planned values from outside; an output is an input, another one a constant.
  @Test func branchesReadPlannedValues() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, [2])))
    let condition = graph.addInput("condition", .tensor(TensorType(.bool, [])))
    let (doubled, negated) = (graph.add("Add", x, x), graph.add("Neg", x))
    func branch(_ outer: Value.ID) -> Attribute {
      var body = Graph(name: "branch")
      let inner = body.addValue("inner")
      body.addOutput(body.add("Abs", inner))
      return .graph(Subgraph(graph: body, captures: [.init(outer: outer, inner: inner)]))
    }
    graph.addOutput(
      graph.add(
        "If", condition, attributes: ["then_branch": branch(doubled), "else_branch": branch(negated)],
        output: "y"))
    graph.addOutput(x)
    graph.addOutput(graph.addInitializer("constant", Tensor([Float(5)], shape: [1])))
    for holds in [true, false] {
      try check(
        graph, ["x": Tensor([Float(1), -2], shape: [2]), "condition": Tensor(scalar: holds)],
        steps: ["Add", "Neg"], rest: ["If"])
    }
  }
}
