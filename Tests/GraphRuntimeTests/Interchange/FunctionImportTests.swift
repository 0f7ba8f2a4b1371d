import ONNXParse
import Testing

@testable import GraphRuntime

/// Calls of model-local functions are put in line.
struct FunctionImportTests {
  private let x = ValueInfoProto.float("x", [2, 3])

  private func function(
    _ name: String, _ nodes: [NodeProto], inputs: [String] = ["a"], outputs: [String] = ["r"],
    attributes: [String] = [], defaults: [AttributeProto] = [], opset: Int64 = 28
  ) -> FunctionProto {
    FunctionProto(
      name: name, inputs: inputs, outputs: outputs, attributes: attributes, attributeDefaults: defaults,
      nodes: nodes,
      opsetImports: [OperatorSetID(version: opset), OperatorSetID(domain: "f", version: 1)], domain: "f")
  }

  private func model(_ nodes: [NodeProto], _ functions: [FunctionProto]) -> Model {
    .test(nodes: nodes, inputs: [x], outputs: [.unshaped("y")], functions: functions, domains: ["f": 1])
  }

  @Test func nestedCallsAreInlinedUnderTheirCallersNames() throws {
    let inner = function("Inner", [.op("Relu", ["a"], ["t"]), .op("Neg", ["t"], ["r"])])
    let outer = function(
      "Outer", [.op("Inner", ["a"], ["s"], name: "in", domain: "f"), .op("Abs", ["s"], ["r"])])
    let graph = try Graph(
      importing: model([.op("Outer", ["x"], ["y"], name: "out", domain: "f")], [inner, outer]))
    #expect(graph.nodes.map(\.op) == ["Relu", "Neg", "Abs"])
    #expect(graph.nodes.map(\.name) == ["out/in/t", "out/in/r", "out/r"])
    #expect(graph[graph.outputs[0]].name == "y")
  }

  @Test func attributesAreHandedThroughWithDefaults() throws {
    var leaky = NodeProto.op("LeakyRelu", ["a"], ["t"])
    leaky.attributes = [AttributeProto("alpha", referringTo: "slope", type: .float)]
    var elu = NodeProto.op("Elu", ["t"], ["r"])
    elu.attributes = [AttributeProto("alpha", referringTo: "curve", type: .float)]
    let f = function(
      "F", [leaky, elu], attributes: ["slope"], defaults: [AttributeProto("curve", .float(0.5))])
    let graph = try Graph(
      importing: model([.op("F", ["x"], ["y"], domain: "f", ["slope": .float(0.25)])], [f]))
    #expect(graph.only("LeakyRelu")?.attributes["alpha"]?.float == 0.25)
    #expect(graph.only("Elu")?.attributes["alpha"]?.float == 0.5)
    #expect(throws: GraphError.self) {
      try Graph(importing: model([.op("F", ["x"], ["y"], domain: "f")], [f]))
    }
  }

  @Test func aFunctionHasItsOwnOpset() throws {
    let f = function("F", [.op("Squeeze", ["a"], ["r"], ["axes": .ints([0])])], opset: 11)
    let graph = try Graph(importing: model([.op("F", ["x"], ["y"], domain: "f")], [f]))
    #expect(graph.constantInts(graph.only("Squeeze"), 1) == [0])
  }

  @Test func inputsLeftOutAndOutputsPassedThrough() throws {
    let f = function("F", [.op("Clip", ["a", "", "hi"], ["r"])], inputs: ["a", "hi"], outputs: ["r", "a"])
    let graph = try Graph(
      importing: model([.op("F", ["x"], ["y", "same"], domain: "f"), .op("Neg", ["same"], ["z"])], [f]))
    #expect(graph.only("Clip")?.inputs.count == 1)
    #expect(graph.only("Identity") != nil)
  }

  @Test func bodiesOfSubgraphsInFunctionsSeeTheFunctionsNames() throws {
    let branch = GraphProto(name: "b", nodes: [.op("Neg", ["a"], ["n"])], outputs: [.unshaped("n")])
    let f = function(
      "F", [.op("If", ["c"], ["r"], ["then_branch": .graph(branch), "else_branch": .graph(branch)])],
      inputs: ["a", "c"])
    let graph = try Graph(
      importing: .test(
        nodes: [.op("F", ["x", "k"], ["y"], name: "call", domain: "f")], inputs: [x, .unshaped("k", .bool)],
        outputs: [.unshaped("y")], functions: [f], domains: ["f": 1]))
    let body = try #require(graph.nodes[0].attributes["then_branch"]?.graph)
    #expect(body.captures.map { graph[$0.outer].name } == ["x"])
  }

  @Test func recursionAndWrongCallsAreRefused() {
    let a = function("A", [.op("B", ["a"], ["r"], domain: "f")])
    let b = function("B", [.op("A", ["a"], ["r"], domain: "f")])
    let error = #expect(throws: GraphError.self) {
      try Graph(importing: model([.op("A", ["x"], ["y"], domain: "f")], [a, b]))
    }
    #expect(error?.description.contains("calls itself") == true)
    let f = function("F", [.op("Neg", ["a"], ["r"])])
    #expect(throws: GraphError.self) {
      try Graph(importing: model([.op("F", ["x", "x"], ["y"], domain: "f")], [f]))
    }
    #expect(throws: GraphError.self) { try Graph(importing: model([], [f, f])) }
    // A body that never makes its output.
    let empty = function("E", [])
    #expect(throws: GraphError.self) {
      try Graph(importing: model([.op("E", ["x"], ["y"], domain: "f")], [empty]))
    }
  }

  @Test func callsThatMultiplyWithoutEndAreStopped() {
    var functions: [FunctionProto] = [function("F0", [.op("Neg", ["a"], ["r"])])]
    for level in 1..<40 {
      functions.append(
        function(
          "F\(level)",
          [
            .op("F\(level - 1)", ["a"], ["t"], domain: "f"), .op("F\(level - 1)", ["t"], ["r"], domain: "f"),
          ]))
    }
    let error = #expect(throws: GraphError.self) {
      try Graph(
        importing: model([.op("F39", ["x"], ["y"], domain: "f")], functions), registry: .standard,
        maximumNodeCount: 10_000)
    }
    #expect(error?.category == .limitExceeded)
  }

  /// Calls that go deeper than a stack may.
  @Test func longChainsOfCallsAreRefused() throws {
    func chain(_ count: Int) -> Model {
      let functions = (0..<count).map { index in
        function(
          "F\(index)",
          [index + 1 < count ? .op("F\(index + 1)", ["a"], ["r"], domain: "f") : .op("Relu", ["a"], ["r"])])
      }
      return model([.op("F0", ["x"], ["y"], domain: "f")], functions)
    }
    #expect(try Graph(importing: chain(100)).nodes.map(\.op) == ["Relu"])
    let error = #expect(throws: GraphError.self) { try Graph(importing: chain(101)) }
    #expect(error?.category == .limitExceeded)
  }

  /// Functions that call each other from inside a branch nest subgraphs deeper than the file does.
  @Test func deepSubgraphsOfCallsAreRefused() throws {
    func branch(_ node: NodeProto) -> GraphProto {
      GraphProto(name: "b", nodes: [node], outputs: [.unshaped("t")])
    }
    let functions = (0..<70).map { index in
      let next: NodeProto =
        index < 69 ? .op("F\(index + 1)", ["a", "c"], ["t"], domain: "f") : .op("Relu", ["a"], ["t"])
      return function(
        "F\(index)",
        [
          .op(
            "If", ["c"], ["r"],
            ["then_branch": .graph(branch(next)), "else_branch": .graph(branch(.op("Neg", ["a"], ["t"])))])
        ], inputs: ["a", "c"])
    }
    let condition = ValueInfoProto(name: "c", type: .tensor(.bool, TensorShapeProto([])))
    let model = Model.test(
      nodes: [.op("F0", ["x", "c"], ["y"], domain: "f")], inputs: [x, condition], outputs: [.unshaped("y")],
      functions: functions, domains: ["f": 1])
    let error = #expect(throws: GraphError.self) { try Graph(importing: model) }
    #expect(error?.category == .limitExceeded)
  }
}
