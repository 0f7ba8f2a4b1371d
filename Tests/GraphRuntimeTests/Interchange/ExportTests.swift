import Foundation
import ONNXParse
import TestSupport
import Testing

@testable import GraphRuntime

/// Graphs into models.
struct ExportTests {
  private func relu(_ shape: Shape) -> Graph {
    var graph = Graph(name: "g")
    let x = graph.addInput("x", .tensor(TensorType(.float32, shape)))
    graph.addOutput(graph.add("Relu", x, output: "y"))
    return graph
  }

  @Test func interfaceSymbolsAndMetadataAreWritten() throws {
    var graph = relu([.symbol("N"), .symbol("H") * 2 + 1, .unknown, 3])
    graph.metadata = ["b": "2", "a": "1"]
    let model = try Model(exporting: graph)
    let proto = try #require(model.graph)
    #expect(proto.inputs.map(\.name) == ["x"])
    #expect(proto.outputs.map(\.name) == ["y"])
    // The output's type was not known, and was found.
    for info in proto.inputs + proto.outputs {
      guard case .tensor(let type)? = info.type?.value else {
        Issue.record("no tensor type")
        continue
      }
      #expect(
        type.shape?.dimensions.map(\.extent) == [.symbol("N"), .symbol("2*H + 1"), .unknown, .value(3)])
    }
    #expect(model.metadata.map(\.key) == ["a", "b"])
    #expect(model.opsetImports == [OperatorSetID(version: 18)])
    #expect(model.irVersion == 8)
  }

  @Test func theLowestOpsetThatServesIsChosen() throws {
    var graph = relu([2])
    let x = graph.inputs[0]
    graph.addOutput(graph.add("Cast", x, attributes: ["to": .int(1), "round_mode": .string("up")]))
    #expect(try Model(exporting: graph).opsetImports[0].version == 24)
    var swish = relu([2])
    swish.addOutput(swish.add("Gelu", swish.inputs[0]))
    let model = try Model(exporting: swish)
    #expect(model.opsetImports[0].version == 20)
    #expect(model.irVersion == 9)
    var half = Graph()
    half.addOutput(half.add("Relu", half.addInput("x", .tensor(TensorType(.bfloat16, [2])))))
    #expect(try Model(exporting: half).opsetImports[0].version == 22)
  }

  @Test func weightsAreNotCopied() throws {
    var graph = relu([3])
    let weight = Tensor([1, 2, 3] as [Float], shape: [3])
    let w = graph.addInitializer("w", weight)
    graph.addOutput(graph.add("Add", graph.outputs[0], w, output: "z"))
    let model = try Model(exporting: graph)
    let proto = try #require(model.graph?.initializers.first)
    guard case .raw(let bytes) = proto.payload else {
      Issue.record("not raw")
      return
    }
    #expect(bytes.start == weight.bytes?.start)
  }

  @Test func operatorsOfTheRuntimesOwnAreRefused() {
    var graph = relu([3])
    graph.addOutput(
      graph.add(OperatorName("Fused", domain: OperatorName.internalDomain), graph.inputs[0], name: "f"))
    let error = #expect(throws: GraphError.self) { try Model(exporting: graph) }
    #expect(error?.path == ["f (csn.Fused)"])
  }

  @Test func namesOfSubgraphsStayApart() throws {
    var body = Graph(name: "body")
    let captured = body.addValue("x")
    body.addOutput(body.add("Neg", captured, name: "n", output: "y"))
    var graph = relu([3])
    let condition = graph.addInput("c", .tensor(TensorType(.bool, [])))
    let branch = Attribute.graph(
      Subgraph(graph: body, captures: [.init(outer: graph.inputs[0], inner: captured)]))
    graph.addOutput(
      graph.add("If", condition, attributes: ["then_branch": branch, "else_branch": branch], output: "z"))
    let model = try Model(exporting: graph)
    let bodies = model.graph?.nodes.last?.attributes.flatMap(\.value.graphs) ?? []
    #expect(bodies.map { $0.nodes[0].inputs } == [["x"], ["x"]])
    #expect(Set(bodies.map { $0.outputs[0].name } + ["y"]).count == 3)
    #expect(Set(bodies.map { $0.nodes[0].name }).count == 2)
    let again = try Graph(importing: model)
    #expect(again.nodes.last?.attributes["then_branch"]?.graph?.captures.count == 1)
  }

  @Test func everyOutputHasItsOwnName() throws {
    var graph = relu([3])
    graph.addOutput(graph.outputs[0])
    var body = Graph(name: "body")
    let captured = body.addValue("x")
    body.addOutput(captured)
    let branch = Attribute.graph(
      Subgraph(graph: body, captures: [.init(outer: graph.inputs[0], inner: captured)]))
    let condition = graph.addInput("c", .tensor(TensorType(.bool, [])))
    graph.addOutput(graph.add("If", condition, attributes: ["then_branch": branch, "else_branch": branch]))
    let model = try Model(exporting: graph)
    #expect(Set(model.graph?.outputs.map(\.name) ?? []).count == 3)
    #expect(model.graph?.nodes.last?.opType == "Identity")
    let bodies = model.graph?.nodes.flatMap { $0.attributes.flatMap(\.value.graphs) } ?? []
    #expect(bodies.allSatisfy { $0.nodes.map(\.opType) == ["Identity"] })
  }

  @Test(.needsPython)
  func theCheckerAcceptsWhatIsWritten() throws {
    var body = Graph(name: "body")
    let captured = body.addValue("x")
    body.addOutput(body.add("Neg", captured, output: "y"))
    var graph = relu([.symbol("N"), 3])
    let w = graph.addInitializer("w", Tensor([1, 2, 3] as [Float], shape: [3]))
    let sum = graph.add("Add", graph.outputs[0], w)
    let condition = graph.addInput("c", .tensor(TensorType(.bool, [])))
    let branch = Attribute.graph(Subgraph(graph: body, captures: [.init(outer: sum, inner: captured)]))
    let z = graph.add(
      "If", condition, attributes: ["then_branch": branch, "else_branch": branch], output: "z")
    graph[z].type = .tensor(TensorType(.float32, [.symbol("N"), 3]))
    graph.addOutput(z)
    let axis = graph.addInitializer("axis", Tensor([1] as [Int64], shape: [1]))
    graph.addOutput(graph.add("Squeeze", graph.add("ReduceMax", sum, axis), axis))
    try Referee.withFolder { folder in
      let path = folder.appending(path: "m.onnx").path
      try Model(exporting: graph).write(to: path)
      try Referee.run("check_model.py", path)
      let x = Tensor.pseudoRandom([2, 3])
      let outputs = try Referee.onnxRuntime(path, ["x": x, "c": Tensor(scalar: true)])
      #expect(outputs.map(\.tensor.shape) == [[2, 3], [2, 3], [2]])
    }
  }
}
