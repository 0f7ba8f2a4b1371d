import Testing

@testable import GraphRuntime

/// The driver of type inference, over operators made up for it.
struct TypeInferenceTests {
  private static let registry = OperatorRegistry(families: [
    [
      Operator("Relu", inputs: 1...1, infer: { $0.same() }, evaluate: { $0.inputs }),
      Operator(
        "Add", inputs: 2...2,
        infer: { inference in
          inference.set(
            0, inference.elementType(0), try inference.broadcast(inference.shape(0), inference.shape(1)))
        }, evaluate: { $0.inputs }),
      Operator(
        "Shape", inputs: 1...1,
        infer: { inference in
          guard let shape = inference.shape(0) else { return }
          inference.set(0, .int64, [.fixed(shape.count)])
          inference.outputShapeValues[0] = shape
        }, evaluate: { $0.inputs }),
      Operator(
        "Reshape", inputs: 2...2,
        infer: { inference in inference.set(0, inference.elementType(0), inference.shapeValue(1)) },
        evaluate: { $0.inputs }),
      Operator(
        "Call", inputs: 1...1, outputs: 0...1,
        infer: { inference in
          inference.outputTypes[0] = try inference.inferSubgraph("body", [inference.inputTypes[0]])[0]
        }, evaluate: { $0.inputs }),
    ]
  ])

  private func type(_ shape: Shape) -> ValueType { .tensor(TensorType(.float32, shape)) }

  @Test func symbolsFlowThroughAndDeclaredTypesStayWhereLessIsKnown() throws {
    var graph = Graph()
    let x = graph.addInput("x", type([.symbol("N"), 3]))
    let y = graph.add("Relu", x)
    graph.addOutput(y)
    let unknown = graph.addInput("u", .tensor(TensorType(.float32, nil)))
    let z = graph.addValue("z", type([.symbol("M")]))
    graph.addNode("Relu", inputs: [unknown], outputs: [z])
    try graph.inferTypes(registry: Self.registry)
    #expect(graph[y].type == type([.symbol("N"), 3]))
    #expect(graph[z].type == type([.symbol("M")]))
  }

  @Test func concreteInputsMakeShapesConstants() throws {
    var graph = Graph()
    let x = graph.addInput("x", type([.symbol("N"), .symbol("H"), 4]))
    let w = graph.addInput("w", type([.symbol("M")]))
    let shape = graph.add("Shape", x)
    let y = graph.add("Reshape", w, shape)
    graph.addOutput(y)
    let symbolic = try graph.inferTypes(registry: Self.registry)
    #expect(graph[y].type == type([.symbol("N"), .symbol("H"), 4]))
    #expect(symbolic.dimensions[shape] == [.symbol("N"), .symbol("H"), 4])
    #expect(symbolic.constants[shape] == nil)

    let known = try graph.inferTypes(
      registry: Self.registry,
      overriding: [x: TensorType(.float32, [2, 5, 4]), w: TensorType(.float32, [40])])
    #expect(graph[y].type == type([2, 5, 4]))
    #expect(known.constants[shape]?.elements(Int64.self) == [2, 5, 4])
  }

  @Test func inputsThatDoNotFitAreRefused() throws {
    var graph = Graph()
    let a = graph.addInput("a", type([.symbol("N"), 3]))
    let b = graph.addInput("b", type([.symbol("N"), 3]))
    graph.addOutput(graph.add("Add", a, b))
    func run(_ x: Shape, _ y: Shape) throws {
      var copy = graph
      try copy.inferTypes(
        registry: Self.registry, overriding: [a: TensorType(.float32, x), b: TensorType(.float32, y)])
    }
    try run([2, 3], [2, 3])
    #expect(throws: GraphError.self) { try run([2, 3], [4, 3]) }
    #expect(throws: GraphError.self) { try run([2, 4], [2, 3]) }
    #expect(throws: GraphError.self) { try run([2, 3, 1], [2, 3]) }
  }

  @Test func everyNodeThatCannotRunIsListedOnceAndItsReadersAreNot() throws {
    var graph = Graph()
    graph.opsets = ["": 13]
    let x = graph.addInput("x", type([2, 3]))
    let y = graph.addInput("y", type([4]))
    let strange = graph.add("Strange", x, name: "s")
    let sum = graph.add("Add", strange, y, name: "quiet")
    let bad = graph.add("Add", x, y, name: "bad")
    let few = graph.add("Add", x, name: "few")
    let other = graph.add("Other", sum, name: "o")
    for id in [other, bad, few] { graph.addOutput(id) }
    let error = try #require(throws: GraphError.self) { try graph.inferTypes(registry: Self.registry) }
    let text = error.description
    #expect(text.contains("4 nodes can't run"))
    #expect(text.contains("s (Strange): operator Strange is not supported (opset 13; inputs: float[2, 3])"))
    #expect(text.contains("bad (Add): extents 3 and 4 can't be broadcast"))
    #expect(text.contains("few (Add): Add takes 2 inputs, but the node has 1"))
    #expect(text.contains("o (Other)"))
    #expect(!text.contains("quiet"))
  }

  @Test func contradictedDeclarationsAreErrors() throws {
    var graph = Graph()
    let x = graph.addInput("x", type([2, 3]))
    let y = graph.addValue("y", type([2, 4]))
    graph.addNode("Relu", name: "r", inputs: [x], outputs: [y])
    graph.addOutput(y)
    let error = try #require(throws: GraphError.self) { try graph.inferTypes(registry: Self.registry) }
    #expect(error.category == .shapeMismatch)
    #expect(error.path == ["r (Relu)"])
  }

  @Test func subgraphsAreInferredWithTheirCaptures() throws {
    var body = Graph()
    let inner = body.addInput("i", nil)
    let captured = body.addValue("c")
    let sum = body.add("Add", inner, captured)
    body.addOutput(sum)
    var graph = Graph()
    let x = graph.addInput("x", type([.symbol("N"), 3]))
    let w = graph.addInitializer("w", Tensor([1, 2, 3] as [Float], shape: [3]))
    let attribute = Attribute.graph(Subgraph(graph: body, captures: [.init(outer: w, inner: captured)]))
    let y = graph.add("Call", x, attributes: ["body": attribute], name: "call")
    graph.addOutput(y)
    try graph.inferTypes(registry: Self.registry)
    #expect(graph[y].type == type([.symbol("N"), 3]))
    let typed = try #require(graph.nodes[0].attributes["body"]?.graph)
    #expect(typed.graph[captured].type == type([3]))
    #expect(typed.graph[sum].type == type([.symbol("N"), 3]))
  }

  @Test func errorsInSubgraphsNameTheNodesAround() throws {
    var body = Graph()
    let inner = body.addInput("i", nil)
    body.addOutput(body.add("Strange", inner, name: "s"))
    var graph = Graph()
    let x = graph.addInput("x", type([3]))
    let attribute = Attribute.graph(Subgraph(graph: body, captures: []))
    let y = graph.add("Call", x, attributes: ["body": attribute], name: "call")
    // A node that can't run is looked into all the same.
    let z = graph.add("Unheard", y, attributes: ["body": attribute], name: "u")
    graph.addOutput(z)
    let error = try #require(throws: GraphError.self) { try graph.inferTypes(registry: Self.registry) }
    #expect(error.description.contains("call (Call): s (Strange): operator Strange is not supported"))
    #expect(error.description.contains("u (Unheard): s (Strange)"))
    #expect(error.description.contains("3 nodes"))
  }

  /// Loops in loops, each with a value of its own that changes its shape: every level would double the work.
  @Test func nestedLoopsAreInferredInLimits() throws {
    func loops(_ depth: Int) -> Graph {
      var graph = Graph()
      let start = graph.addInitializer("start", Tensor([Float(1)], shape: [1]))
      let trips = graph.addInitializer("trips", Tensor(scalar: Int64(1)))
      if depth == 0 {
        graph.addOutput(graph.add("Relu", start))
        return graph
      }
      var body = loops(depth - 1)
      let inner = body.outputs.removeFirst()
      body.addInput("iteration", nil)
      let goesOn = body.addInput("condition", nil)
      let value = body.addInput("value", nil)
      body.addOutput(body.add("Identity", goesOn))
      body.addOutput(body.add("Concat", value, inner, attributes: ["axis": .int(0)]))
      let attribute = Attribute.graph(Subgraph(graph: body, captures: []))
      graph.addOutput(
        graph.add("Loop", trips, nil, start, attributes: ["body": attribute], name: "loop\(depth)"))
      return graph
    }
    var shallow = loops(5)
    try shallow.inferTypes()
    #expect(shallow[shallow.outputs[0]].type?.tensor?.elementType == .float32)
    var deep = loops(18)
    let error = #expect(throws: GraphError.self) { try deep.inferTypes() }
    #expect(error?.category == .limitExceeded)
  }
}
