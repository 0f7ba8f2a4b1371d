@testable import ONNXParse

/// Fills a message with random values, nested as deep as `depth`.
///
/// It is a visitor like those that read and write, so that it knows every field there is.
struct RandomMessage: FieldVisitor {
  var generator: SeededGenerator
  var depth: Int

  static func make<Value: Message>(_ type: Value.Type = Value.self, seed: UInt64, depth: Int = 7) throws
    -> Value
  {
    var visitor = RandomMessage(generator: SeededGenerator(seed), depth: depth)
    return try visitor.fill()
  }

  private mutating func fill<Value: Message>() throws -> Value {
    var value = Value()
    try value.visit(&self)
    if generator.chance(10) {
      value.trace.unknownFields = [0xC2, 0x3E, 0x02, UInt8.random(in: 0...255, using: &generator), 7]
    }
    // The one rule between fields: an attribute states the type of its value.
    if var attribute = value as? AttributeProto {
      attribute.type = attribute.value.kind
      attribute.refAttrName = ""
      value = attribute as? Value ?? value
    }
    return value
  }

  private mutating func scalar<Value: WireScalar>() -> Value {
    let number: Int64 =
      generator.chance() ? Int64.random(in: -3...100, using: &generator) : Int64(bitPattern: generator.next())
    let text = String(
      (0..<Int.random(in: 0...12, using: &generator)).map { _ in
        "aZ09_/.ä漢😀".randomElement(using: &generator) ?? "x"
      })
    let candidates: [any WireScalar] = [
      number, Int32(truncatingIfNeeded: number), Float(number) / 7, text, text.utf8.reversed() as [UInt8],
    ]
    return candidates.lazy.compactMap { $0 as? Value }.first ?? Value.absent
  }

  mutating func field<Value: WireScalar>(_ number: Int, _ value: inout Value) {
    if generator.chance() { value = scalar() }
  }

  mutating func optional<Value: WireScalar>(_ number: Int, _ value: inout Value?) {
    if generator.chance(4) { value = scalar() }
  }

  mutating func list<Value: WireScalar>(_ number: Int, _ values: inout [Value]) {
    if generator.chance() { values = (0..<Int.random(in: 1...4, using: &generator)).map { _ in scalar() } }
  }

  mutating func message<Value: Message>(_ number: Int, _ value: inout Value?) throws {
    guard depth > 0, generator.chance() else { return }
    depth -= 1
    defer { depth += 1 }
    value = try fill() as Value
  }

  mutating func messages<Value: Message>(_ number: Int, _ values: inout [Value]) throws {
    guard depth > 0, generator.chance(3) else { return }
    depth -= 1
    defer { depth += 1 }
    values = try (0..<Int.random(in: 1...2, using: &generator)).map { _ in try fill() as Value }
  }

  mutating func payload(_ numbers: ClosedRange<Int>, _ payload: inout TensorProto.Payload) {
    guard numbers.contains(TensorProto.rawDataNumber) else { return }
    let bytes = ByteRegion(
      (0..<Int.random(in: 1...6, using: &generator) * 8).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      })
    let field = TensorProto.TypedField.allCases.randomElement(using: &generator) ?? .float
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: payload = .raw(bytes)
    case 1: payload = .typed(field, bytes)
    case 2: payload = .strings([[], [0, 255], [65]])
    default: payload = .none
    }
  }

  mutating func tensor(_ tensor: inout TensorProto) { tensor.dataLocation = 0 }
}
