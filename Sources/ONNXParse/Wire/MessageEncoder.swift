/// Writes a message to a sink.
///
/// A message stands behind its length, so that every message is measured before any is written: one encoder goes over
/// the message with a sink that counts and notes the sizes, a second one writes with these sizes at hand.
struct MessageEncoder<Sink: ByteSink>: FieldVisitor {
  private(set) var sink: Sink
  /// Sizes of the messages inside, in the order in which they begin.
  private var sizes: [Int]
  private let isMeasuring: Bool
  private var nextSize = 0
  private var explicitDefaults: UInt32 = 0
  private var depth = 0

  private init(_ sink: Sink, sizes: [Int]?) {
    self.sink = sink
    self.sizes = sizes ?? []
    isMeasuring = sizes == nil
  }

  private mutating func encode<Value: Message>(_ message: inout Value) throws {
    let outer = explicitDefaults
    explicitDefaults = message.trace.explicitDefaults
    try message.visit(&self)
    try message.trace.unknownFields.withUnsafeBytes { try sink.write($0) }
    explicitDefaults = outer
  }

  private mutating func nested<Value: Message>(_ number: Int, _ message: inout Value) throws {
    depth += 1
    defer { depth -= 1 }
    guard depth <= WireLimits.standard.depth else {
      throw ONNXError(
        .limit, "messages are nested more than \(WireLimits.standard.depth) deep, which no reader accepts")
    }
    try sink.writeTag(number, .length)
    if isMeasuring {
      let slot = sizes.count
      let start = sink.count
      sizes.append(0)
      try encode(&message)
      sizes[slot] = sink.count - start
      try sink.writeVarint(UInt64(sizes[slot]))
    } else {
      let size = sizes[nextSize]
      nextSize += 1
      try sink.writeVarint(UInt64(size))
      try encode(&message)
    }
  }

  // MARK: FieldVisitor

  mutating func field<Value: WireScalar>(_ number: Int, _ value: inout Value) throws {
    guard value != Value.absent || explicitDefaults & (1 << UInt32(number)) != 0 else { return }
    try sink.writeTag(number, Value.wireType)
    try value.encode(to: &sink)
  }

  mutating func optional<Value: WireScalar>(_ number: Int, _ value: inout Value?) throws {
    guard let value else { return }
    try sink.writeTag(number, Value.wireType)
    try value.encode(to: &sink)
  }

  mutating func list<Value: WireScalar>(_ number: Int, _ values: inout [Value]) throws {
    for value in values {
      try sink.writeTag(number, Value.wireType)
      try value.encode(to: &sink)
    }
  }

  mutating func message<Value: Message>(_ number: Int, _ value: inout Value?) throws {
    guard var message = value else { return }
    try nested(number, &message)
  }

  mutating func messages<Value: Message>(_ number: Int, _ values: inout [Value]) throws {
    for var message in values { try nested(number, &message) }
  }

  mutating func payload(_ numbers: ClosedRange<Int>, _ payload: inout TensorProto.Payload) throws {
    switch payload {
    case .none, .external: break
    case .raw(let bytes):
      guard numbers.contains(TensorProto.rawDataNumber) else { return }
      try packed(TensorProto.rawDataNumber, bytes)
    case .strings(var strings):
      guard numbers.contains(TensorProto.stringDataNumber) else { return }
      try list(TensorProto.stringDataNumber, &strings)
    case .typed(let field, let bytes):
      guard numbers.contains(field.rawValue) else { return }
      switch field {
      case .float, .double: try packed(field.rawValue, bytes)
      case .int32: try packedVarints(field.rawValue, bytes, of: Int32.self)
      case .int64, .uint64: try packedVarints(field.rawValue, bytes, of: Int64.self)
      }
    }
  }

  private mutating func packed(_ number: Int, _ bytes: ByteRegion) throws {
    try sink.writeTag(number, .length)
    try sink.writeVarint(UInt64(bytes.count))
    try bytes.withUnsafeBytes { try sink.write($0) }
  }

  private mutating func packedVarints<Number: FixedWidthInteger & BitwiseCopyable>(
    _ number: Int, _ bytes: ByteRegion, of type: Number.Type
  ) throws {
    try sink.writeTag(number, .length)
    try bytes.withUnsafeBytes { bytes in
      let width = MemoryLayout<Number>.size
      let starts = stride(from: 0, to: bytes.count - width + 1, by: width)
      func value(at start: Int) -> UInt64 {
        UInt64(
          bitPattern: Int64(truncatingIfNeeded: bytes.loadUnaligned(fromByteOffset: start, as: Number.self)))
      }
      var counter = CountingSink()
      for start in starts { try counter.writeVarint(value(at: start)) }
      try sink.writeVarint(UInt64(counter.count))
      for start in starts { try sink.writeVarint(value(at: start)) }
    }
  }
}

extension MessageEncoder where Sink == CountingSink {
  /// The size of `message`, and those of the messages inside it.
  static func measure<Value: Message>(_ message: Value) throws -> (size: Int, inner: [Int]) {
    var encoder = MessageEncoder(CountingSink(), sizes: nil)
    var message = message
    try encoder.encode(&message)
    return (encoder.sink.count, encoder.sizes)
  }
}

extension MessageEncoder {
  /// Writes `message` to `sink`; `sizes` are those that measuring gave.
  static func write<Value: Message>(_ message: Value, sizes: [Int], to sink: inout Sink) throws {
    var encoder = MessageEncoder(sink, sizes: sizes)
    var message = message
    try encoder.encode(&message)
    sink = encoder.sink
  }
}

extension Message {
  /// The message in the bytes of its file format.
  func encoded() throws -> [UInt8] {
    let (size, inner) = try MessageEncoder.measure(self)
    var sink = MemorySink(capacity: size)
    try MessageEncoder.write(self, sizes: inner, to: &sink)
    return sink.bytes
  }
}
