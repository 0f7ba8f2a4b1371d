import Foundation
import Testing

@testable import ONNXParse

/// Only what lies in the model's folder is followed.
@Suite struct ExternalDataTests {
  let folder = try! TemporaryFolder()
  private let files = FileManager.default

  /// A model at `name` whose one weight of four bytes is external.
  @discardableResult
  private func writeModel(
    _ entries: KeyValuePairs<String, String>, at name: String = "model.onnx"
  ) throws
    -> String
  {
    var model = Samples.linear
    model.graph?.initializers[0] = TensorProto(
      name: "w", dims: [4], dataType: ElementType.uint8.rawValue,
      externalData: entries.map { StringStringEntry(key: $0, value: $1) }, dataLocation: 1)
    let path = folder.file(name)
    try files.createDirectory(atPath: path.parentFolder, withIntermediateDirectories: true)
    try Data(try model.serialized()).write(to: URL(filePath: path))
    return path
  }

  private func weight(_ path: String) throws -> [UInt8] {
    let model = try Model(contentsOf: path)
    return try #require(model.graph?.initializers[0]).elementBytes().withUnsafeBytes { Array($0) }
  }

  @Test func offsetsAndLengthsAreFollowed() throws {
    _ = try folder.write(Array(0..<16), to: "w.bin")
    #expect(try weight(writeModel(["location": "w.bin", "offset": "3", "length": "4"])) == [3, 4, 5, 6])
    #expect(try weight(writeModel(["location": "./w.bin", "offset": "12"])) == [12, 13, 14, 15])
    try files.createDirectory(atPath: folder.file("sub"), withIntermediateDirectories: true)
    _ = try folder.write([9, 8, 7, 6], to: "sub/w.bin")
    #expect(try weight(writeModel(["location": "sub/w.bin"])) == [9, 8, 7, 6])
    let length = expectError(.tensor) { _ = try weight(writeModel(["location": "w.bin"])) }
    #expect(length.contains("takes 4 bytes, but 16"))
  }

  @Test(arguments: [
    ["location": ""], [:], ["location": "/etc/passwd"], ["location": "../w.bin"], ["location": "a/../w.bin"],
    ["location": "w.bin", "offset": "17"], ["location": "w.bin", "offset": "13", "length": "4"],
    ["location": "w.bin", "offset": "9223372036854775807", "length": "4"],
    ["location": "w.bin", "offset": "-1"],
    ["location": "w.bin", "length": "18446744073709551616"], ["location": "w.bin", "length": "4x"],
    ["location": "missing.bin"], ["location": "folder"], ["location": "."], ["location": "pipe"],
  ])
  func badReferencesAreRefused(entries: [String: String]) throws {
    _ = try folder.write(Array(0..<16), to: "w.bin")
    try files.createDirectory(atPath: folder.file("folder"), withIntermediateDirectories: true)
    #expect(mkfifo(folder.file("pipe"), 0o600) == 0)
    var model = Samples.linear
    model.graph?.initializers[0] = TensorProto(
      name: "w", dims: [4], dataType: ElementType.uint8.rawValue,
      externalData: entries.map { StringStringEntry(key: $0.key, value: $0.value) }, dataLocation: 1)
    let path = try folder.write(try model.serialized(), to: "model.onnx")
    let message = expectError(.externalData) { _ = try Model(contentsOf: path) }
    #expect(message.hasPrefix("\(path): graph/initializer[0]/tensor 'w': "), "\(message)")
  }

  @Test func linksInsideTheFolderAreFollowedAndLinksOutRefused() throws {
    let outside = try TemporaryFolder()
    _ = try outside.write([1, 2, 3, 4], to: "secret")
    _ = try folder.write([5, 6, 7, 8], to: "real.bin")
    let path = try writeModel(["location": "link.bin"])
    symlink("real.bin", folder.file("link.bin"))
    #expect(try weight(path) == [5, 6, 7, 8])
    unlink(folder.file("link.bin"))
    symlink(outside.file("secret"), folder.file("link.bin"))
    let message = expectError(.externalData) { _ = try weight(path) }
    #expect(message.contains("leads out of the model's folder"))
    // Through a linked folder as well, and where the folder's name only begins like the model's.
    symlink(outside.path, folder.file("sub"))
    expectError(.externalData) { _ = try weight(writeModel(["location": "sub/secret"])) }
    try files.createDirectory(atPath: folder.path + "2", withIntermediateDirectories: true)
    defer { try? files.removeItem(atPath: folder.path + "2") }
    try Data([1, 2, 3, 4]).write(to: URL(filePath: folder.path + "2/w.bin"))
    unlink(folder.file("link.bin"))
    symlink(folder.path + "2/w.bin", folder.file("link.bin"))
    expectError(.externalData) { _ = try weight(path) }
  }

  /// The layout of model caches: `snapshots/1/model.onnx` and its data are links into `blobs`.
  @Test func aModelThatIsItselfALinkIntoACacheWorks() throws {
    let blob = try writeModel(["location": "model.onnx.data"], at: "blobs/aa")
    _ = try folder.write([1, 2, 3, 4], to: "blobs/bb")
    try files.createDirectory(atPath: folder.file("snapshots/1"), withIntermediateDirectories: true)
    symlink("../../blobs/aa", folder.file("snapshots/1/model.onnx"))
    symlink("../../blobs/bb", folder.file("snapshots/1/model.onnx.data"))
    #expect(try weight(folder.file("snapshots/1/model.onnx")) == [1, 2, 3, 4])
    // The model alone linked from elsewhere: its data lies beside the file itself.
    _ = try folder.write([5, 6, 7, 8], to: "blobs/model.onnx.data")
    #expect(try weight(blob) == [5, 6, 7, 8])
    symlink(blob, folder.file("linked.onnx"))
    #expect(try weight(folder.file("linked.onnx")) == [5, 6, 7, 8])
  }

  @Test func checksumsAreCompared() throws {
    _ = try folder.write(Array("abcd".utf8), to: "w.bin")
    func model(_ checksum: String) throws -> Model {
      var model = try Model(contentsOf: writeModel(["location": "w.bin", "checksum": checksum]))
      model.graph?.nodes = []
      model.graph?.outputs = []
      return model
    }
    try model("81FE8BFE87576C3ECB22426F8E57847382917ACF").check()
    let message = expectError(.externalData) { try model("00").check() }
    #expect(message.contains("SHA-1 81fe8bfe"))
  }

  @Test func dataOfItsOwnBesidesExternalDataIsRefused() throws {
    var model = Samples.linear
    model.graph?.initializers[0].dataLocation = 1
    model.graph?.initializers[0].externalData = [StringStringEntry(key: "location", value: "w.bin")]
    let path = try folder.write(try model.serialized(), to: "model.onnx")
    expectError(.externalData) { _ = try Model(contentsOf: path) }
  }

  @Test func bytesWithoutAFolderKeepTheirReferences() throws {
    let path = try writeModel(["location": "missing.bin"])
    let bytes = try ByteRegion(contentsOf: path)
    let model = try Model(bytes: bytes)
    #expect(try ByteRegion(model.serialized()) == bytes)
    expectError(.externalData) { _ = try Model(bytes: bytes, directory: folder.path) }
    expectError(.externalData) { try model.write(to: folder.file("out.onnx")) }
    try model.write(to: folder.file("out.onnx"), externalData: .unchanged)
    #expect(try ByteRegion(contentsOf: folder.file("out.onnx")) == bytes)
  }

  @Test func everyTensorOfOneFileSharesItsMapping() throws {
    _ = try folder.write(Array(0..<16), to: "w.bin")
    var model = Samples.linear
    for index in 0..<2 {
      model.graph?.initializers[index].payload = .none
      model.graph?.initializers[index].dataLocation = 1
      model.graph?.initializers[index].externalData = [StringStringEntry(key: "location", value: "w.bin")]
    }
    let path = try folder.write(try model.serialized(), to: "model.onnx")
    let loaded = try #require(try Model(contentsOf: path).graph)
    guard case .external(let first) = loaded.initializers[0].payload,
      case .external(let second) = loaded.initializers[1].payload
    else { return #expect(Bool(false), "not external") }
    #expect(first.owner === second.owner)
  }
}
