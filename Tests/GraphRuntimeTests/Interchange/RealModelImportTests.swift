import Foundation
import ONNXParse
import TestSupport
import Testing

@testable import GraphRuntime

/// Models trained elsewhere, which are not the repository's.
struct RealModelImportTests {
  static let models =
    (try? FileManager.default.contentsOfDirectory(
      at: URL(filePath: Shared.path("data/models")), includingPropertiesForKeys: nil))?
    .filter { $0.pathExtension == "onnx" }.sorted { $0.path < $1.path } ?? []

  /// The light zoo models of the `onnx` package: whole networks whose weights are constants made on the spot.
  static let lightModels: [URL] = {
    let library = URL(filePath: packageRoot).appending(path: ".venv/lib")
    let python =
      (try? FileManager.default.contentsOfDirectory(at: library, includingPropertiesForKeys: nil)) ?? []
    let folders = python.map { $0.appending(path: "site-packages/onnx/backend/test/data/light") }
    let files = folders.flatMap {
      (try? FileManager.default.contentsOfDirectory(at: $0, includingPropertiesForKeys: nil)) ?? []
    }
    return files.filter { $0.pathExtension == "onnx" }.sorted { $0.path < $1.path }
  }()

  @Test(.needsShared, arguments: models)
  func everyModelIsTypedThroughout(path: URL) throws { try check(path) }

  @Test(
    .needsPython, arguments: lightModels)
  func everyLightModelIsTypedThroughout(path: URL) throws { try check(path) }

  private func check(_ path: URL) throws {
    var graph = try Graph(importing: Model(contentsOf: path.path))
    try graph.inferTypes()
    let untyped = graph.values.values.filter { $0.type?.tensor?.shape == nil }
    #expect(untyped.isEmpty, "\(untyped.prefix(3).map(\.name))")
    if Python.isPresent {
      try Referee.withFolder { folder in
        let copy = folder.appending(path: "copy.onnx").path
        try Model(exporting: graph).write(to: copy)
        try Referee.run("check_model.py", copy)
      }
    }
  }
}
