import CProtobuf

/// Fills a message from what protobuf-c parsed.
///
/// The generated descriptors say where in protobuf-c's structures a field lies, so that the fields a message lists for
/// writing serve for reading as well.
struct MessageDecoder: FieldVisitor {
  private let payloads: [TensorProto.Payload]
  private let externalData: ExternalDataReader?
  private var source: UnsafeRawPointer
  private var descriptor: WireScanner.Descriptor
  /// Index of the last field looked up: fields are visited in ascending order.
  private var fieldIndex = 0
  private var explicitDefaults: UInt32 = 0

  /// Parses `file` as a message of the kind `descriptor`.
  static func decode<Value: Message>(
    _ file: ByteRegion, as descriptor: WireScanner.Descriptor, externalData: ExternalDataReader? = nil,
    limits: WireLimits = .standard
  ) throws -> Value {
    let arena = ParseArena()
    defer { withExtendedLifetime(arena) {} }
    let (parsed, payloads) = try parse(file, as: descriptor, limits: limits, in: arena)
    var decoder = MessageDecoder(
      payloads: payloads, externalData: externalData, source: UnsafeRawPointer(parsed), descriptor: descriptor
    )
    return try decoder.decode(parsed)
  }

  private static func parse(
    _ file: ByteRegion, as descriptor: WireScanner.Descriptor, limits: WireLimits, in arena: ParseArena
  ) throws -> (UnsafePointer<ProtobufCMessage>, [TensorProto.Payload]) {
    let scanner = try file.withUnsafeBytes {
      try WireScanner(file, bytes: $0, as: descriptor, limits: limits)
    }
    let parsed = scanner.structure.bytes.withUnsafeBufferPointer { bytes in
      arena.withAllocator { protobuf_c_message_unpack(descriptor, $0, bytes.count, bytes.baseAddress) }
    }
    guard let parsed else { throw ONNXError(.wire, "protobuf-c could not parse the message") }
    return (UnsafePointer(parsed), scanner.payloads)
  }

  private init(
    payloads: [TensorProto.Payload], externalData: ExternalDataReader?, source: UnsafeRawPointer,
    descriptor: WireScanner.Descriptor
  ) {
    self.payloads = payloads
    self.externalData = externalData
    self.source = source
    self.descriptor = descriptor
  }

  private mutating func decode<Value: Message>(_ message: UnsafePointer<ProtobufCMessage>) throws -> Value {
    let outer = (source, descriptor, fieldIndex, explicitDefaults)
    defer { (source, descriptor, fieldIndex, explicitDefaults) = outer }
    (source, descriptor, fieldIndex, explicitDefaults) = (
      UnsafeRawPointer(message), message.pointee.descriptor, 0, 0
    )
    var value = Value()
    try value.visit(&self)
    value.trace.explicitDefaults = explicitDefaults
    if message.pointee.n_unknown_fields > 0 { value.trace.unknownFields = try unknownFields(of: message) }
    return value
  }

  private func unknownFields(of message: UnsafePointer<ProtobufCMessage>) throws -> [UInt8] {
    var sink = MemorySink()
    for index in 0..<Int(message.pointee.n_unknown_fields) {
      let field = message.pointee.unknown_fields[index]
      try sink.writeVarint(UInt64(field.tag) << 3 | UInt64(field.wire_type.rawValue))
      sink.write(UnsafeRawBufferPointer(start: field.data, count: field.len))
    }
    return sink.bytes
  }

  // MARK: Looking fields up

  private mutating func find(_ number: Int) -> WireScanner.Field {
    let fields = descriptor.pointee.fields!
    while fields[fieldIndex].id < UInt32(number) { fieldIndex += 1 }
    precondition(fields[fieldIndex].id == UInt32(number), "the schema has no such field")
    return fields + fieldIndex
  }

  private func slot<Value>(_ field: WireScanner.Field, as type: Value.Type) -> Value {
    source.load(fromByteOffset: Int(field.pointee.offset), as: type)
  }

  private func count(_ field: WireScanner.Field) -> Int {
    source.load(fromByteOffset: Int(field.pointee.quantifier_offset), as: Int.self)
  }

  private func isPresent(_ field: WireScanner.Field) -> Bool {
    if field.pointee.label == PROTOBUF_C_LABEL_REPEATED { return count(field) > 0 }
    let quantifier = Int(field.pointee.quantifier_offset)
    if field.pointee.flags & PROTOBUF_C_FIELD_FLAG_ONEOF.rawValue != 0 {
      return source.load(fromByteOffset: quantifier, as: UInt32.self) == field.pointee.id
    }
    switch field.pointee.type {
    case PROTOBUF_C_TYPE_MESSAGE, PROTOBUF_C_TYPE_STRING:
      return slot(field, as: UnsafeRawPointer?.self) != nil
    default:
      return source.load(fromByteOffset: quantifier, as: protobuf_c_boolean.self) != 0
    }
  }

  /// The error with the field's name, and the place in it, ahead of its path.
  private func locate<Value>(
    _ field: WireScanner.Field, _ index: Int? = nil, _ body: () throws -> Value
  ) throws -> Value {
    do {
      return try body()
    } catch let error as ONNXError {
      throw error.inside(String(cString: field.pointee.name) + (index.map { "[\($0)]" } ?? ""))
    }
  }

  // MARK: FieldVisitor

  mutating func field<Value: WireScalar>(_ number: Int, _ value: inout Value) throws {
    var found: Value?
    try optional(number, &found)
    guard let found else { return }
    value = found
    if found == Value.absent { explicitDefaults |= 1 << UInt32(number) }
  }

  mutating func optional<Value: WireScalar>(_ number: Int, _ value: inout Value?) throws {
    let field = find(number)
    guard isPresent(field) else { return }
    value = try locate(field) { try Value.load(slot(field, as: Value.Slot.self)) }
  }

  mutating func list<Value: WireScalar>(_ number: Int, _ values: inout [Value]) throws {
    let field = find(number)
    let count = count(field)
    guard count > 0, let slots = slot(field, as: UnsafePointer<Value.Slot>?.self) else { return }
    var found: [Value] = []
    found.reserveCapacity(count)
    for index in 0..<count {
      if let value = try locate(field, index, { try Value.load(slots[index]) }) { found.append(value) }
    }
    values = found
  }

  mutating func message<Value: Message>(_ number: Int, _ value: inout Value?) throws {
    let field = find(number)
    guard isPresent(field), let inner = slot(field, as: UnsafePointer<ProtobufCMessage>?.self) else { return }
    do {
      value = try decode(inner) as Value
    } catch { try locate(field) { throw error } }
  }

  mutating func messages<Value: Message>(_ number: Int, _ values: inout [Value]) throws {
    let field = find(number)
    let count = count(field)
    guard count > 0, let slots = slot(field, as: UnsafePointer<UnsafePointer<ProtobufCMessage>>?.self) else {
      return
    }
    var found: [Value] = []
    found.reserveCapacity(count)
    for index in 0..<count {
      do {
        found.append(try decode(slots[index]))
      } catch { try locate(field, index) { throw error } }
    }
    values = found
  }

  mutating func payload(_ numbers: ClosedRange<Int>, _ payload: inout TensorProto.Payload) throws {
    if numbers.contains(TensorProto.stringDataNumber) {
      var strings: [[UInt8]] = []
      try list(TensorProto.stringDataNumber, &strings)
      if !strings.isEmpty { payload = .strings(strings) }
    }
    guard numbers.contains(TensorProto.rawDataNumber) else { return }
    var reference: [UInt8]?
    try optional(TensorProto.rawDataNumber, &reference)
    guard let reference else { return }
    let index = reference.withUnsafeBytes { Int(UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))) }
    if case .none = payload {
      payload = payloads[index]
    } else if payloads[index] != .raw(ByteRegion([])) {
      throw ONNXError(.tensor, "the tensor has data in string_data and in another field")
    }
  }

  mutating func tensor(_ tensor: inout TensorProto) throws {
    guard let externalData, tensor.dataLocation == TensorProto.externalLocation else { return }
    try externalData.resolve(&tensor)
  }

  func atMostOne(of numbers: [Int]) throws {
    var names: [String] = []
    for index in 0..<Int(descriptor.pointee.n_fields) {
      let field = descriptor.pointee.fields + index
      if numbers.contains(Int(field.pointee.id)), isPresent(field) {
        names.append(String(cString: field.pointee.name))
      }
    }
    guard names.count < 2 else {
      throw ONNXError(.attribute, "there are several values: \(names.joined(separator: ", "))")
    }
  }
}
