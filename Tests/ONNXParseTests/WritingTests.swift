import Foundation
import Testing

@testable import ONNXParse

@Suite struct WritingTests {
  let folder = try! TemporaryFolder()

  @Test func aWrittenModelReadsBackEqual() throws {
    let path = folder.file("linear.onnx")
    try Samples.linear.write(to: path)
    let model = try Model(contentsOf: path)
    #expect(try model.serialized() == Samples.linear.serialized())
    #expect(folder.contents == ["linear.onnx"])
  }

  @Test func weightsMoveToAFileBesideTheModelAndBack() throws {
    let path = folder.file("linear.onnx")
    try Samples.linear.write(to: path, externalData: .external(threshold: 20))
    #expect(folder.contents == ["linear.onnx", "linear.onnx.data"])
    let model = try Model(contentsOf: path)
    let weight = try #require(model.graph?.initializers[0])
    guard case .external = weight.payload else { return #expect(Bool(false), "the weight is not external") }
    #expect(try weight.elementBytes() == Samples.linear.graph!.initializers[0].elementBytes())
    guard case .raw = model.graph?.initializers[1].payload else {
      return #expect(Bool(false), "12 bytes stay in the model")
    }
    try model.write(to: folder.file("inline.onnx"))
    let inline = try Model(contentsOf: folder.file("inline.onnx"))
    #expect(try inline.serialized() == Samples.linear.serialized())
    // Over its own data file: the mapping stays what it was.
    try model.write(to: path, externalData: .external(threshold: 0))
    #expect(try Model(contentsOf: path).graph?.initializers[1].elementBytes().count == 12)
  }

  @Test func weightsMoveOutWhereTheModelWouldBeTooLarge() throws {
    var model = Samples.linear
    model.graph?.initializers.append(Samples.floats("large", [1024], Array(repeating: 1, count: 1024)))
    try model.write(to: folder.file("small.onnx"), externalData: .automatic, inlineLimit: 1 << 20)
    #expect(folder.contents == ["small.onnx"])
    try model.write(to: folder.file("large.onnx"), externalData: .automatic, inlineLimit: 1 << 10)
    #expect(folder.contents == ["large.onnx", "large.onnx.data", "small.onnx"])
    let large = try Model(contentsOf: folder.file("large.onnx")).graph?.initializers[2]
    #expect(try large?.elementBytes() == model.graph?.initializers[2].elementBytes())
  }

  @Test(arguments: ["", "..", "a/b", "/tmp/x", "linear.onnx"])
  func aDataFileThatIsNotBesideTheModelIsRefused(name: String) {
    expectError(.externalData) {
      try Samples.linear.write(to: folder.file("linear.onnx"), externalData: .external(name: name))
    }
    #expect(folder.contents.isEmpty)
  }

  @Test func aFailedWriteLeavesTheOlderFile() throws {
    let path = try folder.write([1, 2, 3], to: "model.onnx")
    var model = Samples.linear
    model.graph?.initializers[0].payload = .none
    model.graph?.initializers[0].dataLocation = 1
    expectError(.externalData) { try model.write(to: path) }
    #expect(try Data(contentsOf: URL(filePath: path)) == Data([1, 2, 3]))
    #expect(folder.contents == ["model.onnx"])
    #expect(throws: FileError.self) { try Samples.linear.write(to: folder.file("missing/model.onnx")) }
  }

  @Test func aLinkUnderTheDataFilesNameIsReplacedNotFollowed() throws {
    let victim = try folder.write([1], to: "victim")
    try FileManager.default.createSymbolicLink(atPath: folder.file("data"), withDestinationPath: "victim")
    try Samples.linear.write(
      to: folder.file("model.onnx"), externalData: .external(name: "data", threshold: 0))
    #expect(try Data(contentsOf: URL(filePath: victim)) == Data([1]))
    #expect(try Model(contentsOf: folder.file("model.onnx")).graph?.initializers.count == 2)
  }

  @Test func testDataFilesReadBackEqual() throws {
    let tensor = Samples.floats("x", [2], [1, 2])
    let sequence = SequenceProto(name: "s", elementKind: 1, tensors: [tensor, tensor])
    let optional = OptionalProto(name: "o", elementKind: 3, value: .sequence(sequence))
    try tensor.write(to: folder.file("tensor.pb"))
    try sequence.write(to: folder.file("sequence.pb"))
    try optional.write(to: folder.file("optional.pb"))
    #expect(try TensorProto(contentsOf: folder.file("tensor.pb")) == tensor)
    #expect(try SequenceProto(contentsOf: folder.file("sequence.pb")) == sequence)
    #expect(try OptionalProto(contentsOf: folder.file("optional.pb")) == optional)
  }
}
