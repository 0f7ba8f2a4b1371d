import ONNXParse
import Testing

@testable import GraphRuntime

/// Models into graphs: names, constants, subgraphs, and what must be refused.
struct ImportTests {
  private let x = ValueInfoProto.float("x", [2, 3])

  @Test func namesTypesAndMetadataAreKept() throws {
    var model = Model.test(
      opset: 13, nodes: [.op("Relu", ["x"], ["mid"]), .op("Relu", ["mid"], ["y"], name: "last")], inputs: [x],
      outputs: [.float("y", [2, 3])])
    model.metadata = [StringStringEntry(key: "author", value: "me")]
    let graph = try Graph(importing: model)
    #expect(graph.inputs.map { graph[$0].name } == ["x"])
    #expect(graph.outputs.map { graph[$0].name } == ["y"])
    #expect(graph.nodes.map(\.name) == ["mid", "last"])
    #expect(graph[graph.outputs[0]].type == .tensor(TensorType(.float32, [2, 3])))
    #expect(graph.metadata == ["author": "me"])
    #expect(graph.opsets == ["": 13])
  }

  @Test func initializersListedAsInputsAreConstantsAndStayInPlace() throws {
    let weight = TensorProto.floats("w", [1, 2, 3], [3])
    let model = Model.test(
      nodes: [.op("Add", ["x", "w"], ["y"])], inputs: [x, .float("w", [3])], outputs: [.unshaped("y")],
      initializers: [weight])
    let graph = try Graph(importing: model)
    #expect(graph.inputs.count == 1)
    let tensor = try #require(graph.initializers.values.first)
    guard case .raw(let bytes) = weight.payload else { return }
    #expect(tensor.bytes?.start == bytes.start)
  }

  @Test(arguments: [
    ("value_float", AttributeProto.Value.float(1.5), "float[]"),
    ("value_floats", .floats([1, 2]), "float[2]"),
    ("value_int", .int(7), "int64[]"),
    ("value_ints", .ints([1, 2, 3]), "int64[3]"),
    ("value_string", .text("a"), "string[]"),
    ("value_strings", .texts(["a", "b"]), "string[2]"),
    ("value", .tensor(TensorProto(Tensor([true], shape: [1]))), "bool[1]"),
    (
      "sparse_value",
      .sparseTensor(
        SparseTensorProto(values: .floats("", [5, 6], [2]), indices: .ints("", [1, 3]), dims: [2, 2])),
      "float[2, 2]"
    ),
  ])
  func constantNodesBecomeInitializers(name: String, value: AttributeProto.Value, type: String) throws {
    let graph = try Graph(
      importing: .test(nodes: [.op("Constant", [], ["c"], [name: value])], outputs: [.init(name: "c")]))
    #expect(graph.nodes.isEmpty)
    let tensor = try #require(graph.initializers[graph.outputs[0]])
    #expect("\(tensor.type)" == type)
    if name == "sparse_value" { #expect(tensor.elements(Float.self) == [0, 5, 0, 6]) }
  }

  @Test func sparseInitializersBecomeDense() throws {
    var model = Model.test(nodes: [], outputs: [.init(name: "s")])
    let indices = TensorProto(Tensor([0, 1, 1, 2] as [Int64], shape: [2, 2]))
    model.graph?.sparseInitializers = [
      SparseTensorProto(values: .floats("s", [5, 6], [2]), indices: indices, dims: [2, 3])
    ]
    let graph = try Graph(importing: model)
    #expect(graph.initializers[graph.outputs[0]]?.elements(Float.self) == [0, 5, 0, 0, 0, 6])

    model.graph?.sparseInitializers[0].indices = .ints("", [0, 6])
    #expect(throws: GraphError.self) { try Graph(importing: model) }
    model.graph?.sparseInitializers[0].dims = [1 << 40, 1 << 10]
    #expect(throws: GraphError.self) { try Graph(importing: model) }
  }

  @Test func subgraphsCaptureThroughSeveralLevels() throws {
    let inner = GraphProto(
      name: "inner", nodes: [.op("Add", ["x", "w"], ["z"])], outputs: [.unshaped("z")])
    let outer = GraphProto(
      name: "outer",
      nodes: [.op("If", ["c"], ["y2"], ["then_branch": .graph(inner), "else_branch": .graph(inner)])],
      outputs: [.unshaped("y2")])
    let model = Model.test(
      nodes: [.op("If", ["c"], ["y"], ["then_branch": .graph(outer), "else_branch": .graph(outer)])],
      inputs: [x, .unshaped("c", .bool)], outputs: [.unshaped("y")], initializers: [.floats("w", [1], [1])])
    let graph = try Graph(importing: model)
    let body = try #require(graph.nodes[0].attributes["then_branch"]?.graph)
    #expect(Set(body.captures.map { graph[$0.outer].name }) == ["x", "w", "c"])
    let nested = try #require(body.graph.nodes[0].attributes["else_branch"]?.graph)
    #expect(Set(nested.captures.map { body.graph[$0.outer].name }) == ["x", "w"])
    #expect(nested.graph.outputs.count == 1)
  }

  @Test func nodesOutOfOrderAreSorted() throws {
    let model = Model.test(
      nodes: [.op("Relu", ["a"], ["y"]), .op("Relu", ["x"], ["a"])], inputs: [x], outputs: [.unshaped("y")])
    #expect(try Graph(importing: model).nodes.map(\.name) == ["a", "y"])
  }

  @Test func unsupportedOperatorsAreImported() throws {
    let model = Model.test(
      nodes: [.op("Never", ["x"], ["y"], domain: "elsewhere", ["k": .int(1)])], inputs: [x],
      outputs: [.unshaped("y")], domains: ["elsewhere": 3])
    let graph = try Graph(importing: model)
    #expect(graph.nodes[0].op == OperatorName("Never", domain: "elsewhere"))
    #expect(graph.nodes[0].attributes["k"]?.int == 1)
  }
}

/// Models that the standard doesn't allow: one error each, with the node's name.
struct HostileImportTests {
  private let x = ValueInfoProto.float("x", [2, 3])

  private func refused(
    _ model: Model, _ fragments: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: GraphError.self, sourceLocation: sourceLocation) {
      try Graph(importing: model)
    }
    for fragment in fragments {
      #expect(
        error?.description.contains(fragment) == true, "\(error as Any)", sourceLocation: sourceLocation)
    }
  }

  @Test func linksThatDoNotHold() {
    refused(
      .test(nodes: [.op("Relu", ["nowhere"], ["y"], name: "n")], outputs: [.unshaped("y")]),
      "n (Relu)", "'nowhere'")
    refused(.test(nodes: [], inputs: [x], outputs: [.unshaped("y")]), "'y'")
    refused(
      .test(
        nodes: [.op("Relu", ["b"], ["a"], name: "p"), .op("Relu", ["a"], ["b"])], outputs: [.unshaped("b")]),
      "p (Relu)", "cycle")
    refused(
      .test(
        nodes: [.op("Relu", ["x"], ["y"]), .op("Relu", ["x"], ["y"], name: "again")], inputs: [x],
        outputs: [.unshaped("y")]), "again (Relu)", "made twice")
    refused(
      .test(nodes: [.op("Relu", ["x"], ["x"], name: "own")], inputs: [x], outputs: [.unshaped("x")]),
      "own (Relu)")
    refused(.test(nodes: [], inputs: [x, x], outputs: [.unshaped("x")]), "'x'")
    refused(Model(irVersion: 8, opsetImports: [OperatorSetID(version: 13)]), "no graph")
  }

  @Test func opsetsThatDoNotExist() {
    refused(.test(opset: 99, nodes: []), "opset 99 is newer than 28")
    refused(.test(opset: 0, nodes: []), "opset 0")
    refused(
      .test(nodes: [.op("Relu", ["x"], ["y"], name: "n", domain: "foreign")], inputs: [x]),
      "n (foreign.Relu)",
      "'foreign'")
  }

  @Test func tensorsThatDoNotFit() {
    func tensor(_ dims: [Int64], bytes: Int) -> TensorProto {
      TensorProto(
        name: "w", dims: dims, dataType: 1, payload: .raw(ByteRegion([UInt8](repeating: 0, count: bytes))))
    }
    for bad in [tensor([2], bytes: 4), tensor([-1], bytes: 4), tensor([1 << 40, 1 << 40], bytes: 4)] {
      refused(.test(nodes: [], initializers: [bad]), "initializer 'w'")
    }
    refused(
      .test(nodes: [], initializers: [TensorProto(name: "w", dims: [1], dataType: 999, payload: .none)]),
      "999")
    refused(
      .test(
        nodes: [], inputs: [ValueInfoProto(name: "v", type: .tensor(.float32, .init([.init(.value(-7))])))]),
      "value 'v'", "-7")
  }

  @Test func attributesOfTheWrongKind() {
    refused(
      .test(
        opset: 11, nodes: [.op("Squeeze", ["x"], ["y"], name: "n", ["axes": .text("0")])], inputs: [x]),
      "n (Squeeze)", "'axes' must be a list of ints")
    refused(
      .test(nodes: [.op("Constant", [], ["y"], name: "n")]), "n (Constant)", "no value")
    refused(
      .test(nodes: [.op("Relu", ["x"], ["y"], name: "n", ["s": .string([0xFF])])], inputs: [x]), "n (Relu)",
      "UTF-8")
    var twice = NodeProto.op("Relu", ["x"], ["y"], name: "n", ["a": .int(1)])
    twice.attributes += twice.attributes
    refused(.test(nodes: [twice], inputs: [x]), "'a' is there twice")
    var reference = NodeProto.op("Relu", ["x"], ["y"], name: "n")
    reference.attributes = [AttributeProto("a", referringTo: "b", type: .int)]
    refused(.test(nodes: [reference], inputs: [x]), "not inside a function")
  }
}
