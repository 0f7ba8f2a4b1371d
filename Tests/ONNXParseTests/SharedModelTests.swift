import Foundation
import Testing

@testable import ONNXParse

/// The pretrained models beside the package, where they are there.
@Suite struct SharedModelTests {
  static let folder = URL(filePath: #filePath).appending(path: "../../../../shared/data/models").standardized
    .path

  static let models =
    (try? FileManager.default.contentsOfDirectory(atPath: folder))?
    .filter { $0.hasSuffix(".onnx") }.sorted() ?? []

  @Test(.enabled(if: !models.isEmpty, "../shared/data/models is not there"), arguments: models)
  func loadingAndSavingIsTheIdentity(name: String) throws {
    let path = "\(Self.folder)/\(name)"
    let model = try Model(contentsOf: path)
    let bytes = ByteRegion(try model.serialized())
    #expect(try Model(bytes: bytes) == model)
    #expect(
      try bytes == ByteRegion(contentsOf: path), "these producers write fields in ascending order, as we do")
  }
}
