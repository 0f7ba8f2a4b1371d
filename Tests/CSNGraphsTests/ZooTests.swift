import GraphRuntime
import TestSupport
import Testing

@testable import CSNGraphs

/// The light models of the ONNX zoo: real graphs of several exporters, weights by ConstantOfShape.
@Suite("Backbones of the ONNX zoo", .needsPython)
struct ZooTests {
  static func model(_ name: String) throws -> Graph {
    let folder = try Python.run(
      "import os, onnx.backend.test as t; print(os.path.dirname(t.__file__) + '/data/light', end='')")
    return try Graph(contentsOf: "\(folder)/light_\(name).onnx")
  }

  @Test(
    "pooling and classifier are found",
    arguments: [
      ("resnet50", 2048, true), ("inception_v1", 1024, true), ("inception_v2", 1024, true),
      ("shufflenet", 544, false),
      ("densenet121", 1024, true),
    ])
  func findsParts(name: String, features: Int, hasStem: Bool) throws {
    let backbone = try Backbone(analyzing: Self.model(name))
    let classifier = try backbone.classifier.get()
    #expect(classifier.features == features)
    #expect(classifier.classes == 1000)
    let shape = try backbone.stem.get().shape
    #expect((shape == [64, 3, 7, 7]) == hasStem)
  }

  @Test(
    "networks without pooled features are refused with the layer",
    arguments: ["vgg19", "bvlc_alexnet", "squeezenet"])
  func refuses(name: String) throws {
    let backbone = try Backbone(analyzing: Self.model(name))
    let error = #expect(throws: CSNError.self) { try backbone.classifier.get() }
    #expect(error?.kind == .unplaceable)
  }

  @Test(
    "the batch these models fix is set free", arguments: [("resnet50", CSNVersion.v1), ("inception_v1", .v2)])
  func freesBatch(name: String, version: CSNVersion) throws {
    let built = try CSNBuilder.build(from: Self.model(name), options: CSNOptions(version: version))
    let shapes = built.graph.outputs.map { built.graph[$0].type?.description }
    #expect(shapes == ["float[N, 1000]", "float[N, 32]", "float[N, N]"])
  }
}
