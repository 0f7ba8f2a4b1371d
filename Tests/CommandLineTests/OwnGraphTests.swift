import CSNGraphs
import Foundation
import GraphRuntime
import ImageFiles
import ONNXParse
import TestSupport
import Testing

@testable import CommandLineSupport

/// The graphs that csn-convert builds over a classifier, from its file to csn-run's results.
@Suite struct OwnGraphTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try SmallModels.write(SmallModels.backbone(), to: folder.path("b.onnx"))
    try Data("red\n\nblue\n".utf8).write(to: URL(filePath: folder.path("names.txt")))
    try PNG.write(
      picture(width: 40, height: 36) { row, _, channel in 6 * row * channel }, to: folder.path("a.png"))
    try PNG.write(picture(width: 40, height: 36) { _, column, _ in 5 * column }, to: folder.path("b.png"))
  }

  private struct Summary: Decodable {
    struct Prediction: Decodable {
      let label: String
      let index: Int
      let probability: Double
    }

    let fused: String?
    let similarity: [[Double]]
    let classes: [[Prediction]]
  }

  private func run(_ name: String, _ arguments: String...) throws -> ProcessResult {
    let result = try runExecutable(name, arguments, in: folder)
    #expect(result.status == 0, "\(result.errors)")
    return result
  }

  private func check(_ summary: Summary) {
    #expect(summary.classes.map(\.count) == [3, 3])
    for prediction in summary.classes.joined() {
      #expect(prediction.label == ["red", "class 1", "blue"][prediction.index])
    }
    #expect(summary.similarity.map(\.count) == [2, 2])
  }

  /// A blank line is a class without a name, and moves no other class.
  @Test func classesKeepTheirNames() throws {
    _ = try run("csn-convert", "b.onnx", "--csn", "v2", "--widths", "8,4", "--classes", "names.txt")
    _ = try run("csn-convert", "b.csn-v2.graph", "-o", "b.csn.onnx")
    for model in ["b.csn-v2.graph", "b.csn.onnx"] {
      let result = try run("csn-run", model, "a.png", "b.png", "--json")
      check(try JSONDecoder().decode(Summary.self, from: Data(result.output.utf8)))
    }
  }

  @Test func fusionGraphsFuseAndClassify() throws {
    _ = try run("csn-convert", "--fusion", "b.onnx", "--widths", "8,4", "--classes", "names.txt")
    let result = try run("csn-run", "fusion.graph", "a.png", "b.png", "--json", "--profile", "t.json")
    let summary = try JSONDecoder().decode(Summary.self, from: Data(result.output.utf8))
    check(summary)
    #expect(summary.fused == "fused.png")
    #expect(try PNG.read(from: folder.path("fused.png")).width == 40)
  }

  /// What is told by the file is told by what its maker wrote into it, not by what inputs and outputs are called.
  @Test func strangersAreNotTakenForOwnGraphs() throws {
    func kind(_ outputs: [String], metadata: String? = nil) -> GraphKind? {
      var graph = Graph()
      let images = graph.addInput("images", .tensor(TensorType(.float32, [.symbol("N"), 3, 8, 8])))
      for output in outputs { graph.addOutput(graph.add("Relu", images, output: output)) }
      graph.metadata[CSNMetadata.kind] = metadata
      return GraphKind(graph)
    }
    #expect(kind(["probabilities"]) == nil)
    #expect(kind(["probabilities"], metadata: "csn") == .similarityNetwork)
    #expect(kind(["probabilities", "features", "similarity"]) == .similarityNetwork)
    #expect(kind(["fused"], metadata: "csn") == nil)
    #expect(kind(["fused", "probabilities"], metadata: "fusion") == .fusion)

    var graph = SmallModels.color()
    graph.rename(graph.inputs[0], to: "images")
    graph.rename(graph.outputs[0], to: "probabilities")
    try SmallModels.write(graph, to: folder.path("stranger.onnx"))
    // Its scores are of 0...100: as a classifier's they pass through softmax.
    let result = try run("csn-run", "stranger.onnx", "a.png", "--preprocess", "unit", "--json")
    #expect(!result.output.contains("similarity"))
    #expect(result.output.contains("\"index\" : 2"))
  }
}
