import Foundation
import Testing

@testable import ONNXParse

@Suite struct CheckTests {
  /// The linear sample, changed.
  private func model(_ change: (inout Model, inout GraphProto) throws -> Void) rethrows -> Model {
    var model = Samples.linear
    var graph = model.graph ?? GraphProto()
    try change(&model, &graph)
    if model.graph != nil { model.graph = graph }
    return model
  }

  private func expectRefusal(
    _ category: ONNXError.Category, _ text: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ change: (inout Model, inout GraphProto) -> Void
  ) {
    let message = expectError(category, sourceLocation: sourceLocation) { try model(change).check() }
    #expect(message.contains(text), "\(message)", sourceLocation: sourceLocation)
  }

  @Test func aSoundModelPasses() throws {
    try Samples.linear.check()
  }

  // MARK: Models

  @Test func versionsAndImports() {
    expectRefusal(.field, "ir_version") { model, _ in model.irVersion = 0 }
    expectRefusal(.field, "opset_import") { model, _ in model.opsetImports = [] }
    expectRefusal(.field, "version 0") { model, _ in model.opsetImports = [OperatorSetID(version: 0)] }
    expectRefusal(.field, "versions 21 and 9") { model, _ in
      model.opsetImports.append(OperatorSetID(domain: "ai.onnx", version: 9))
    }
    expectRefusal(.field, "ir_version to 3") { model, _ in model.irVersion = 2 }
    expectRefusal(.field, "no graph") { model, _ in model.graph = nil }
    expectRefusal(.field, "key 'a' twice") { model, _ in
      model.metadata = [StringStringEntry(key: "a"), StringStringEntry(key: "a")]
    }
  }

  // MARK: Graphs

  @Test func namesAreUniqueAndKnown() {
    expectRefusal(.graph, "input[1]: 'x' is an input twice") { _, graph in
      graph.inputs.append(graph.inputs[0])
    }
    expectRefusal(.graph, "'w' is an initializer twice") { _, graph in
      graph.initializers.append(graph.initializers[0])
    }
    expectRefusal(.graph, "node[2] activate (Relu): output 'sum'") { _, graph in
      graph.nodes[2].outputs = ["sum"]
    }
    expectRefusal(.graph, "'nobody' is made by no node") { _, graph in graph.nodes[0].inputs[1] = "nobody" }
    expectRefusal(.graph, "makes 'z'") { _, graph in graph.outputs[0].name = "z" }
    expectRefusal(.field, "no type") { _, graph in graph.inputs[0].type = nil }
    expectRefusal(.field, "element type 99") { _, graph in
      graph.inputs[0].type = TypeProto(.tensor(.init(elementType: 99)))
    }
  }

  @Test func orderAndCycles() {
    expectRefusal(.graph, "graph/node[0] activate (Relu): input 'sum' is made later, by node[1] add (Add)") {
      _, graph in
      graph.nodes = [graph.nodes[2], graph.nodes[1], graph.nodes[0]]
    }
    expectRefusal(.graph, "cycle: input 'y' is made by node[2] activate (Relu)") { _, graph in
      graph.nodes[0].inputs[0] = "y"
    }
  }

  @Test func initializersOfOldVersionsAreInputs() throws {
    expectRefusal(.graph, "raise ir_version to 4") { model, _ in model.irVersion = 3 }
    try model { model, graph in
      model.irVersion = 3
      graph.inputs += graph.initializers.map { ValueInfoProto(name: $0.name, type: .tensor(.float32, nil)) }
    }.check()
  }

  @Test func innerGraphsSeeOutwardsOnly() throws {
    func branch(reading name: String, making output: String) -> GraphProto {
      GraphProto(
        name: "branch", nodes: [NodeProto(opType: "Neg", inputs: [name], outputs: [output])],
        outputs: [ValueInfoProto(name: output)])
    }
    func conditional(_ branches: [GraphProto]) -> Model {
      model { _, graph in
        graph.inputs.append(ValueInfoProto(name: "c", type: .tensor(.bool, TensorShapeProto())))
        graph.nodes.append(
          NodeProto(
            opType: "If", inputs: ["c"], outputs: ["z"],
            attributes: [
              AttributeProto("then_branch", .graph(branches[0])),
              AttributeProto("else_branch", .graph(branches[1])),
            ]))
      }
    }
    try conditional([branch(reading: "sum", making: "a"), branch(reading: "y", making: "a")]).check()
    let unseen = expectError(.graph) {
      try conditional([branch(reading: "sum", making: "a"), branch(reading: "a", making: "b")]).check()
    }
    #expect(
      unseen.contains("graph/node[3] (If)/attribute else_branch/node[0] (Neg): input 'a' is made by no node"))
    expectError(.graph) {
      try conditional([branch(reading: "sum", making: "y"), branch(reading: "y", making: "a")]).check()
    }
  }

  // MARK: Attributes

  @Test func attributesAgreeWithTheirTypes() {
    func attribute(_ change: @escaping (inout AttributeProto) -> Void) -> (inout Model, inout GraphProto) ->
      Void
    {
      { _, graph in
        var attribute = AttributeProto("axis", .int(1))
        change(&attribute)
        graph.nodes[0].attributes = [attribute]
      }
    }
    expectRefusal(.attribute, "states type FLOAT, but holds INT", attribute { $0.type = .float })
    expectRefusal(.attribute, "no type", attribute { $0.type = .undefined })
    expectRefusal(.attribute, "no value", attribute { $0.value = .none })
    expectRefusal(.attribute, "no name", attribute { $0.name = "" })
    expectRefusal(.attribute, "only a function's node", attribute { $0.refAttrName = "a" })
    expectRefusal(.attribute, "'axis' twice") { _, graph in
      graph.nodes[0].attributes = [AttributeProto("axis", .int(1)), AttributeProto("axis", .int(2))]
    }
    expectRefusal(.graph, "domain 'com.example'") { _, graph in graph.nodes[0].domain = "com.example" }
  }

  // MARK: Tensors

  @Test func tensorsAgreeWithTheirDims() {
    func weight(_ change: @escaping (inout TensorProto) -> Void) -> (inout Model, inout GraphProto) -> Void {
      { _, graph in change(&graph.initializers[0]) }
    }
    expectRefusal(
      .tensor, "initializer[0] w: a tensor float[2, 4] takes 32 bytes, but 24", weight { $0.dims = [2, 4] })
    expectRefusal(.tensor, "negative", weight { $0.dims = [-2, -3] })
    expectRefusal(.tensor, "can be counted", weight { $0.dims = [1 << 40, 1 << 40] })
    expectRefusal(.tensor, "could be counted", weight { $0.dims = [1 << 61] })
    expectRefusal(.tensor, "unknown", weight { $0.dataType = 0 })
    expectRefusal(.tensor, "holds no data", weight { $0.payload = .none })
    expectRefusal(.tensor, "segment", weight { $0.segment = .init(begin: 0, end: 1) })
    expectRefusal(
      .tensor, "float_data",
      weight {
        $0 = TensorProto(dims: [1], dataType: 7, payload: .typed(.float, ByteRegion([0, 0, 0, 0])));
        $0.name = "w"
      })
    expectRefusal(
      .tensor, "takes 6 strings",
      weight {
        $0.dataType = 8; $0.payload = .strings([[65]])
      })
    expectRefusal(
      .externalData, "not looked up",
      weight {
        $0.payload = .none
        $0.dataLocation = 1
        $0.externalData = [StringStringEntry(key: "location", value: "w.bin")]
      })
  }

  @Test(arguments: [
    ([Int64(4)], [Int64(0), 3], [Int64(2)], ""), ([4], [3, 0], [2], "ascending"),
    ([4], [0, 4], [2], "outside"),
    ([4], [0], [1], "indices are [2]"), ([2, 2], [0, 1, 1, 0], [2, 2], ""),
    ([2, 2], [0, 1, 0, 2], [2, 2], "axis 1"),
    ([2, 2], [1, 0, 0, 1], [2, 2], "ascending"), ([], [0, 3], [2], "positive"),
    ([1 << 62, 4], [0, 3], [2], "counted"),
  ])
  func sparseTensors(dims: [Int64], indices: [Int64], indexDims: [Int64], problem: String) throws {
    let sparse = SparseTensorProto(
      values: Samples.floats("s", [2], [1, 2]),
      indices: TensorProto(
        dims: indexDims, dataType: 7, payload: .raw(indices.withUnsafeBytes { ByteRegion(copying: $0) })),
      dims: dims)
    let model = model { _, graph in graph.sparseInitializers = [sparse] }
    if problem.isEmpty {
      try model.check()
    } else {
      let message = expectError(.tensor) { try model.check() }
      #expect(message.contains(problem), "\(message)")
    }
  }

  // MARK: Functions

  private func function(_ name: String, calling callee: String) -> FunctionProto {
    FunctionProto(
      name: name, inputs: ["a"], outputs: ["b"], attributes: ["alpha"],
      nodes: [
        NodeProto(
          opType: callee, inputs: ["a"], outputs: ["b"], domain: callee == "Elu" ? "" : "local",
          attributes: [AttributeProto("alpha", referringTo: "alpha", type: .float)])
      ], opsetImports: [OperatorSetID(version: 21), OperatorSetID(domain: "local", version: 1)],
      domain: "local")
  }

  @Test func functions() throws {
    func with(_ functions: [FunctionProto]) -> (inout Model, inout GraphProto) -> Void {
      { model, _ in
        model.functions = functions
        model.opsetImports.append(OperatorSetID(domain: "local", version: 1))
      }
    }
    try model(with([function("f", calling: "g"), function("g", calling: "Elu")])).check()
    expectRefusal(
      .function, "same domain", with([function("f", calling: "Elu"), function("f", calling: "Elu")]))
    expectRefusal(
      .function, "f calls g calls f", with([function("f", calling: "g"), function("g", calling: "f")]))
    expectRefusal(.function, "f calls f", with([function("f", calling: "f")]))
    var bad = function("f", calling: "Elu")
    bad.outputs = ["c"]
    expectRefusal(.function, "makes its output 'c'", with([bad]))
    bad = function("f", calling: "Elu")
    bad.attributes = []
    expectRefusal(.attribute, "function[0] local.f/node[0] (Elu)/attribute alpha", with([bad]))
    let chain = (0..<101).map { function("f\($0)", calling: $0 == 100 ? "Elu" : "f\($0 + 1)") }
    expectRefusal(.function, "100 deep", with(chain))
    try model(with(Array(chain.suffix(100)))).check()
  }

  // MARK: Models of others

  @Test(
    .enabled(if: !SharedModelTests.models.isEmpty, "../shared/data/models is not there"),
    arguments: SharedModelTests.models)
  func pretrainedModelsPass(name: String) throws {
    try Model(contentsOf: "\(SharedModelTests.folder)/\(name)").check()
  }

  @Test func digests() {
    func digest(_ text: String) -> [UInt8] { Array(text.utf8).withUnsafeBytes { sha1($0) } }
    #expect(digest("").prefix(4) == [0xDA, 0x39, 0xA3, 0xEE])
    #expect(digest("abc").prefix(4) == [0xA9, 0x99, 0x3E, 0x36])
    #expect(digest(String(repeating: "a", count: 1_000)).prefix(4) == [0x29, 0x1E, 0x9A, 0x6C])
  }
}
