import CProtobuf
import Foundation
import Testing

@testable import ONNXParse

/// Bytes made to break a reader cost an error message: no trap, no hang, no memory out of proportion.
@Suite struct HostileBytesTests {
  private func load(_ wire: WireBuilder) throws -> Model { try Model(bytes: ByteRegion(wire.bytes)) }

  private func initializer(_ tensor: WireBuilder) -> WireBuilder {
    WireBuilder().message(7, WireBuilder().message(5, tensor))
  }

  @Test func truncatedAtEveryByte() throws {
    let bytes = try Samples.linear.serialized()
    for count in 0..<bytes.count {
      do {
        // A cut between two fields of the model leaves a smaller model.
        _ = try Model(bytes: ByteRegion(bytes.prefix(count))).check()
        Issue.record("\(count) of \(bytes.count) bytes pass as a model")
      } catch is ONNXError {}
    }
  }

  @Test func everyFlippedBit() throws {
    let bytes = try Samples.linear.serialized()
    for position in bytes.indices {
      for bit in 0..<8 {
        var flipped = bytes
        flipped[position] ^= 1 << bit
        do {
          let model = try Model(bytes: ByteRegion(flipped))
          // What is accepted is a message: it can be written and read back.
          #expect(try Model(bytes: ByteRegion(model.serialized())) == model)
          try model.check()
        } catch is ONNXError {}
      }
    }
  }

  /// A graph in an attribute of a node of a graph..., three messages a level; 33 levels are the most allowed.
  private func nestedGraphs(_ levels: Int) -> WireBuilder {
    var graph = WireBuilder().text(2, "g")
    for _ in 0..<levels {
      let attribute = WireBuilder().text(1, "body").message(6, graph).varint(20, 5)
      let node = WireBuilder().text(2, "").text(4, "If").message(5, attribute)
      graph = WireBuilder().message(1, node).text(2, "g")
    }
    return WireBuilder().varint(1, 10).message(7, graph).message(8, WireBuilder().varint(2, 21))
  }

  @Test func nestingIsLimited() throws {
    #expect(try load(nestedGraphs(33)).graph != nil)
    let message = expectError(.limit) { _ = try load(nestedGraphs(34)) }
    #expect(message.contains("nested more than 100 deep"))
    expectError(.limit) { _ = try load(nestedGraphs(1_000)) }
    // What is made in code can't be written deeper than it can be read.
    var type = TypeProto.tensor(.float32, nil)
    for _ in 0..<50 { type = TypeProto(.sequence(.init(of: type))) }
    let model = Model(irVersion: 10, graph: GraphProto(inputs: [ValueInfoProto(name: "x", type: type)]))
    expectError(.limit) { _ = try model.serialized() }
  }

  @Test func tenThousandLevelsInFortyKilobytes() {
    // A type in an optional in a type...: built from the inside, each length as long as it must be.
    var type: [UInt8] = []
    for _ in 0..<5_000 {
      for tag in [0x0A, 0x4A] as [UInt8] {
        type.insert(contentsOf: [tag] + WireBuilder.varint(UInt64(type.count)), at: 0)
      }
    }
    let value = WireBuilder().bytes(2, type)
    expectError(.limit) { _ = try load(WireBuilder().message(7, WireBuilder().message(11, value))) }
  }

  /// The deepest messages that are accepted fit the small stack of a secondary thread.
  @Test func theDeepestMessagesFitASmallStack() async throws {
    #if DEBUG
      let stackSize = 1 << 20
    #else
      let stackSize = 512 << 10
    #endif
    let model = ByteRegion(nestedGraphs(33).bytes)
    var wire = WireBuilder().varint(2, 1)
    for _ in 0..<100 { wire = WireBuilder().message(7, wire) }
    let optional = ByteRegion(wire.bytes)
    let succeeded = await withCheckedContinuation { done in
      let thread = Thread {
        let value = try? OptionalProto(bytes: optional)
        let deep = try? Model(bytes: model)
        try? deep?.check()
        done.resume(
          returning: (try? value?.serialized().count) == optional.count
            && (try? deep?.serialized().count) == model.count)
      }
      thread.stackSize = stackSize
      thread.start()
    }
    #expect(succeeded)
  }

  @Test func lengthsAreChecked() {
    for length in [5, 1 << 31, 1 << 32, 1 << 62, UInt64.max] {
      expectError(.wire) {
        _ = try load(WireBuilder().adding([0x3A] + WireBuilder.varint(length) + [0, 0, 0, 0]))
      }
      expectError(.wire) {
        _ = try load(initializer(WireBuilder().adding([0x4A] + WireBuilder.varint(length) + [1, 2, 3, 4])))
      }
    }
  }

  @Test func malformedFieldsAreRefused() {
    let cases: [(String, WireBuilder)] = [
      ("a number of eleven bytes", WireBuilder().adding([0x08] + Array(repeating: 0xFF, count: 10) + [0])),
      (
        "a number of more than 64 bits",
        WireBuilder().adding([0x08] + Array(repeating: 0xFF, count: 9) + [0x7F])
      ),
      ("field number 0", WireBuilder().adding([0x00, 0x00])),
      ("a field number past 29 bits", WireBuilder().adding(WireBuilder.varint(1 << 32) + [0])),
      ("a group", WireBuilder().adding([0x0B, 0x0C])),
      ("wire type 6", WireBuilder().adding([0x0E])),
      ("wire type 7", WireBuilder().adding([0x0F])),
      ("text for ir_version", WireBuilder().text(1, "10")),
      ("a number for producer_name", WireBuilder().varint(2, 1)),
      ("a number for graph", WireBuilder().varint(7, 1)),
      ("fixed 64 bits for model_version", WireBuilder().adding([0x29] + Array(repeating: 0, count: 8))),
      ("two graphs", WireBuilder().message(7, WireBuilder()).message(7, WireBuilder())),
      ("text that is not UTF-8", WireBuilder().bytes(2, [0xC3, 0x28])),
      ("text with a zero byte", WireBuilder().bytes(2, [65, 0, 66])),
      ("packed floats cut off", initializer(WireBuilder().bytes(4, [0, 0, 0, 0, 0]))),
      ("packed numbers cut off", initializer(WireBuilder().bytes(7, [0x80]))),
      ("packed dims cut off", initializer(WireBuilder().bytes(1, [0x01, 0x80]))),
    ]
    for (name, wire) in cases {
      do {
        _ = try load(wire)
        Issue.record("\(name) was accepted")
      } catch let error as ONNXError {
        #expect(error.category == .wire, "\(name): \(error)")
      } catch { Issue.record("\(name): \(error)") }
    }
  }

  @Test func contradictoryDataIsRefused() {
    let floats = WireBuilder().bytes(4, [0, 0, 0, 0])
    expectError(.tensor) { _ = try load(initializer(floats.bytes(9, [1]))) }
    expectError(.tensor) { _ = try load(initializer(floats.bytes(6, [65]))) }
    expectError(.wire) { _ = try load(initializer(floats.bytes(7, [1]))) }
    let attribute = WireBuilder().text(1, "a").varint(3, 1).bytes(4, [65])
    expectError(.attribute) {
      _ = try load(WireBuilder().message(7, WireBuilder().message(1, WireBuilder().message(5, attribute))))
    }
  }

  @Test func theLastOfRepeatedScalarsCounts() throws {
    let model = try load(WireBuilder().varint(1, 3).text(2, "a").varint(1, 4).text(2, "b"))
    #expect(model.irVersion == 4 && model.producerName == "b")
  }

  @Test func manySmallMessagesStayWithinTheirMemory() throws {
    // An empty node takes two bytes in the file, and two hundred in memory.
    let nodes = (0..<1 << 15).flatMap { _ in [0x0A, 0] as [UInt8] }
    let file = ByteRegion(WireBuilder().bytes(7, nodes).bytes)
    let limits = WireLimits(baseMemory: 1 << 20)
    let message = expectError(.limit) {
      _ = try MessageDecoder.decode(file, as: csn_model_descriptor(), limits: limits) as Model
    }
    #expect(message.contains("memory"))
    #expect(
      try Model(bytes: file).graph?.nodes.count == 1 << 15, "as few as these fit what every file may take")
  }

  @Test func timeGrowsWithTheBytes() throws {
    /// Many numbers one by one, as many unknown fields, and as many pieces of one tensor's data.
    let count = 1 << 15
    let ints = (0..<count).flatMap { _ in [0x40, 0x01] as [UInt8] }
    let unknown = (0..<count).flatMap { _ in [0xF8, 0x06, 0x01] as [UInt8] }
    let pieces = (0..<count).flatMap { _ in [0x3A, 0x01, 0x05] as [UInt8] }
    let clock = ContinuousClock()
    let time = try clock.measure {
      let node = WireBuilder().message(5, WireBuilder().text(1, "a").varint(20, 7).adding(ints))
      let graph = WireBuilder().message(1, node).message(5, WireBuilder().adding(pieces)).adding(unknown)
      let model = try load(WireBuilder().message(7, graph))
      #expect(model.graph?.nodes[0].attributes[0].value == .ints(Array(repeating: 1, count: count)))
      #expect(model.graph?.trace.unknownFields.count == unknown.count)
      guard case .typed(.int64, let numbers) = model.graph?.initializers[0].payload else {
        return #expect(Bool(false), "no data")
      }
      #expect(numbers.count == 8 * count)
    }
    #expect(time < .seconds(30), "a linear reader takes a second or two unoptimised, a quadratic one minutes")
  }

  @Test func filesThatAreNoModels() throws {
    let folder = try TemporaryFolder()
    let text = try folder.write(Array("this is not a model at all".utf8), to: "text.onnx")
    let message = expectError(.wire) { _ = try Model(contentsOf: text) }
    #expect(message.hasPrefix(text))
    // No bytes at all are a message without fields, and no model.
    let empty = try Model(contentsOf: folder.write([], to: "empty.onnx"))
    expectError(.field) { try empty.check() }
    #expect(throws: FileError.self) { _ = try Model(contentsOf: folder.file("missing.onnx")) }
    #expect(throws: FileError.self) { _ = try Model(contentsOf: folder.path) }
  }

  @Test func pipesAreReadToTheirEnd() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("pipe")
    #expect(mkfifo(path, 0o600) == 0)
    let bytes = try Samples.linear.serialized()
    let writer = Thread { try? Data(bytes).write(to: URL(filePath: path)) }
    writer.start()
    #expect(try Model(contentsOf: path).serialized() == bytes)
  }
}
