import Testing

@testable import ONNXParse

/// Random messages come back equal from their bytes.
@Suite struct RoundTripTests {
  @Test(arguments: 0..<200)
  func models(seed: Int) throws {
    let model: Model = try RandomMessage.make(seed: UInt64(seed))
    let bytes = try model.serialized()
    let again = try Model(bytes: ByteRegion(bytes))
    #expect(try again.serialized() == bytes)
    #expect(again == model)
  }

  @Test(arguments: 0..<100)
  func testData(seed: Int) throws {
    let sequence: SequenceProto = try RandomMessage.make(seed: UInt64(seed), depth: 5)
    #expect(try SequenceProto(bytes: ByteRegion(sequence.serialized())) == sequence)
    let optional: OptionalProto = try RandomMessage.make(seed: UInt64(seed), depth: 5)
    #expect(try OptionalProto(bytes: ByteRegion(optional.serialized())) == optional)
    let tensor: TensorProto = try RandomMessage.make(seed: UInt64(seed))
    #expect(try TensorProto(bytes: ByteRegion(tensor.serialized())) == tensor)
  }

  @Test func presenceAndUnknownFieldsAreKept() throws {
    let wire = WireBuilder().varint(1, 0).text(2, "").varint(5, 7)
      .message(7, WireBuilder().text(2, "").adding([0xF5, 0x07, 1, 2, 3, 4]))
      .varint(100, 1).bytes(1000, [1, 2, 3]).adding([0xC1, 0x3E, 1, 2, 3, 4, 5, 6, 7, 8])
    let model = try Model(bytes: ByteRegion(wire.bytes))
    #expect(try model.serialized() == wire.bytes)
    #expect(model.trace.explicitDefaults == 0b110)
    var changed = model
    changed.producerName = "p"
    #expect(try changed.serialized().count == wire.bytes.count + 1)
  }

  @Test func packedAndSingleNumbersAreTheSame() throws {
    func ints(_ attribute: WireBuilder) throws -> AttributeProto.Value? {
      let node = WireBuilder().message(5, attribute.varint(20, 7))
      return try Model(bytes: ByteRegion(WireBuilder().message(7, WireBuilder().message(1, node)).bytes))
        .graph?.nodes[0].attributes[0].value
    }
    let expected = AttributeProto.Value.ints([1, 300, -1])
    let minusOne = WireBuilder.varint(UInt64(bitPattern: -1))
    #expect(try ints(WireBuilder().varint(8, 1).varint(8, 300).varint(8, UInt64(bitPattern: -1))) == expected)
    #expect(try ints(WireBuilder().bytes(8, [1, 0xAC, 0x02] + minusOne)) == expected)
    #expect(try ints(WireBuilder().varint(8, 1).bytes(8, [0xAC, 0x02] + minusOne)) == expected)
    #expect(try ints(WireBuilder().varint(8, 1).text(1, "a").varint(8, 300).bytes(8, minusOne)) == expected)
  }

  @Test func proto3WritersLeaveZerosOut() throws {
    let kinds: [(UInt64, AttributeProto.Value)] = [
      (1, .float(0)), (2, .int(0)), (3, .string([])), (7, .ints([])),
    ]
    for (type, value) in kinds {
      let node = WireBuilder().message(5, WireBuilder().text(1, "a").varint(20, type))
      let model = try Model(bytes: ByteRegion(WireBuilder().message(7, WireBuilder().message(1, node)).bytes))
      #expect(model.graph?.nodes[0].attributes[0].value == value)
    }
  }

  @Test func fieldsInAnyOrderReadTheSame() throws {
    let model = try Model(
      bytes: ByteRegion(
        WireBuilder().message(8, WireBuilder().varint(2, 9)).varint(1, 4).message(
          8, WireBuilder().varint(2, 3)
        ).bytes))
    #expect(model.irVersion == 4)
    #expect(model.opsetImports.map(\.version) == [9, 3])
  }
}
