import Testing

@testable import GraphRuntime

@Suite struct InterpreterTests {
  private func interpreter(_ graph: Graph) -> Interpreter {
    Interpreter(graph, registry: TestOperators.registry)
  }

  private func floats(_ value: RuntimeValue) -> [Float] { value.tensor?.elements() ?? [] }

  @Test func runsKernelsWithScratchAndConstants() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N")])))
    let bias = graph.addInitializer("bias", Tensor([Float(10), 20], shape: [2]))
    let scaled = graph.add("TestScale", x, attributes: ["factor": .float(3)])
    graph.addOutput(graph.add("TestAdd", scaled, bias, output: "y"))
    let y = try interpreter(graph).run([x: .tensor(Tensor([Float(1), 2], shape: [2]))])
    #expect(floats(y[0]) == [13, 26])
  }

  @Test func computesOnlyWhatIsAskedFor() throws {
    var graph = Graph()
    let x = graph.addInput("x", nil)
    let wanted = graph.add("TestScale", x, attributes: ["factor": .float(2)])
    let broken = graph.add("Nonexistent", x)
    graph.addOutput(wanted)
    graph.addOutput(broken)
    let input: [Value.ID: RuntimeValue] = [x: .tensor(Tensor([Float(1)], shape: [1]))]
    #expect(floats(try interpreter(graph).run(input, outputs: [wanted])[0]) == [2])
    #expect(throws: GraphError.self) { try interpreter(graph).run(input) }
  }

  @Test func viewsShareMemory() throws {
    var graph = Graph()
    let x = graph.addInput("x", nil)
    graph.addOutput(graph.add("TestFlatten", x))
    let input = Tensor([Float(1), 2, 3, 4], shape: [2, 2])
    let output = try #require(try interpreter(graph).run([x: .tensor(input)])[0].tensor)
    #expect(output.shape == [4])
    #expect(output.bytes?.start == input.bytes?.start)
  }

  @Test func subgraphsSeeCapturesAndNest() throws {
    var body = Graph(name: "body")
    let inner = body.addInput("inner", nil)
    let captured = body.addValue("captured")
    body.addOutput(body.add("TestAdd", inner, captured))
    var graph = Graph()
    let x = graph.addInput("x", nil)
    let step = graph.addInput("step", nil)
    let subgraph = Subgraph(graph: body, captures: [.init(outer: step, inner: captured)])
    graph.addOutput(graph.add("TestRepeat", x, attributes: ["body": .graph(subgraph), "count": .int(3)]))
    let y = try interpreter(graph).run([
      x: .tensor(Tensor([Float(1)], shape: [1])), step: .tensor(Tensor([Float(10)], shape: [1])),
    ])
    #expect(floats(y[0]) == [31])
  }

  @Test func errorsCarryThePath() throws {
    var body = Graph(name: "body")
    let inner = body.addInput("inner", nil)
    let other = body.addInitializer("other", Tensor([Float(1), 2], shape: [2]))
    body.addOutput(body.add("TestAdd", inner, other, name: "deep"))
    var graph = Graph()
    let x = graph.addInput("x", nil)
    let subgraph = Subgraph(graph: body, captures: [])
    graph.addOutput(
      graph.add("TestRepeat", x, attributes: ["body": .graph(subgraph), "count": .int(1)], name: "outer"))
    let error = #expect(throws: GraphError.self) {
      try interpreter(graph).run([x: .tensor(Tensor([Float(1)], shape: [1]))])
    }
    #expect(error?.path == ["outer (TestRepeat)", "deep (TestAdd)"])
    #expect(error?.category == .shapeMismatch)
  }

  @Test func aMissingInputIsNamed() throws {
    var graph = Graph()
    let x = graph.addInput("pixels", nil)
    graph.addOutput(graph.add("TestScale", x))
    let error = #expect(throws: GraphError.self) { try interpreter(graph).run([:]) }
    #expect(error?.message == "input 'pixels' is not given")
  }

  @Test func evaluatesASingleNode() throws {
    var graph = Graph()
    let x = graph.addInput("x", nil)
    graph.addOutput(graph.add("Relu", x))
    let result = try Interpreter.evaluate(
      node: graph.nodes[0], inputs: [.tensor(Tensor([Float(-1), 2], shape: [2]))])
    #expect(floats(try #require(result[0])) == [0, 2])
  }

  @Test func anOutputPastTheMemoryLimitIsRefused() throws {
    var graph = Graph()
    let x = graph.addInput("x", nil)
    graph.addOutput(graph.add("TestScale", x))
    let evaluator = NodeEvaluator(registry: TestOperators.registry, memoryLimit: 15)
    let error = #expect(throws: GraphError.self) {
      try Interpreter(graph, evaluator: evaluator).run([
        x: .tensor(Tensor([Float](repeating: 0, count: 4), shape: [4]))
      ])
    }
    #expect(error?.category == .limitExceeded)
  }
}
