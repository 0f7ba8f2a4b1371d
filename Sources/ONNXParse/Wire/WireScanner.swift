import CProtobuf

/// The one pass over a file's bytes that makes it safe and cheap for protobuf-c to parse them.
///
/// protobuf-c copies every bytes field, recurses as deep as the file says, and merges repeated singular messages in
/// quadratic time. So this pass checks nesting, lengths, numbers and wire types against the schema's descriptors, takes
/// the tensors' data out, and leaves the rest as a second, small message (`structure`), in which the one field
/// `raw_data` of a tensor holds the index of its data in `payloads`.
struct WireScanner {
  private(set) var structure = MemorySink()
  private(set) var payloads: [TensorProto.Payload] = []

  private let file: ByteRegion
  private let bytes: UnsafeRawBufferPointer
  private let limits: WireLimits
  private var memory: Int
  private let tensorDescriptor = csn_tensor_descriptor()!

  /// Bytes of a length that is filled in behind its message: a number in seven-bit groups, leading zeros included.
  private static let lengthBytes = 5

  typealias Descriptor = UnsafePointer<ProtobufCMessageDescriptor>
  typealias Field = UnsafePointer<ProtobufCFieldDescriptor>

  /// Scans `file`, whose bytes are `bytes`, as a message of the kind `descriptor`.
  init(_ file: ByteRegion, bytes: UnsafeRawBufferPointer, as descriptor: Descriptor, limits: WireLimits)
    throws
  {
    self.file = file
    self.bytes = bytes
    self.limits = limits
    let (grown, overflow) = bytes.count.multipliedReportingOverflow(by: limits.memoryPerByte)
    memory = overflow ? Int.max : max(grown, grown &+ limits.baseMemory)
    var cursor = WireCursor(bytes)
    try message(&cursor, descriptor, depth: 0)
  }

  // MARK: - Messages

  private mutating func message(_ cursor: inout WireCursor, _ descriptor: Descriptor, depth: Int) throws {
    guard depth <= limits.depth else {
      throw ONNXError(.limit, "messages are nested more than \(limits.depth) deep (byte \(cursor.position))")
    }
    try spend(2 * descriptor.pointee.sizeof_message)
    let isTensor = descriptor == tensorDescriptor
    var payload = PayloadCollector()
    var messagesSeen: UInt64 = 0
    while !cursor.isAtEnd {
      let start = cursor.position
      let (number, type) = try cursor.tag()
      guard let field = protobuf_c_message_descriptor_get_field(descriptor, UInt32(number)) else {
        try spend(64)
        _ = try cursor.value(type)
        try copy(start..<cursor.position)
        continue
      }
      do {
        try expect(type, for: field, at: cursor)
        if isTensor, payload.takes(number) {
          try payload.add(number, type, from: &cursor, of: file)
        } else if field.pointee.type == PROTOBUF_C_TYPE_MESSAGE {
          if field.pointee.label != PROTOBUF_C_LABEL_REPEATED {
            guard messagesSeen & 1 << UInt64(number) == 0 else {
              throw cursor.failure("the message is there twice")
            }
            messagesSeen |= 1 << UInt64(number)
          }
          try nested(&cursor, field, depth: depth)
        } else {
          try scalar(&cursor, field, type, start: start)
        }
      } catch let error as ONNXError {
        throw error.inside(String(cString: field.pointee.name))
      }
    }
    if isTensor, let data = try payload.finish() { try place(data) }
  }

  /// Copies a message inside; its length follows when it is known what is left of it.
  private mutating func nested(_ cursor: inout WireCursor, _ field: Field, depth: Int) throws {
    let content = try cursor.lengthPrefixed()
    guard let descriptor = field.pointee.descriptor else { return }
    try beginLength(of: field)
    let start = structure.count
    var inner = WireCursor(bytes, content)
    try message(&inner, descriptor.assumingMemoryBound(to: ProtobufCMessageDescriptor.self), depth: depth + 1)
    endLength(start)
  }

  private mutating func beginLength(of field: Field) throws {
    try structure.writeTag(Int(field.pointee.id), .length)
    structure.reserve(Self.lengthBytes)
    try checkSize()
  }

  private mutating func endLength(_ start: Int) {
    let length = structure.count - start
    for index in 0..<Self.lengthBytes {
      let isLast = index == Self.lengthBytes - 1
      let group = UInt8(length >> (7 * index) & 0x7F)
      structure.patch(start - Self.lengthBytes + index, isLast ? group : group | 0x80)
    }
  }

  // MARK: - Values

  private mutating func scalar(_ cursor: inout WireCursor, _ field: Field, _ type: WireType, start: Int)
    throws
  {
    let isRepeated = field.pointee.label == PROTOBUF_C_LABEL_REPEATED
    if isRepeated, type != .length { return try pack(&cursor, field, type) }
    try spend(64)
    let valueStart = cursor.position
    _ = try cursor.value(type)
    if type == .length {
      var content = WireCursor(bytes, valueStart..<cursor.position)
      let range = try content.lengthPrefixed()
      if field.pointee.type == PROTOBUF_C_TYPE_STRING {
        guard !UnsafeRawBufferPointer(rebasing: bytes[range]).contains(0) else {
          throw cursor.failure("the text holds a zero byte")
        }
      } else if isRepeated, let element = field.pointee.type.wireType, element != .length {
        try checkPacked(range, element)
      }
    }
    try copy(start..<cursor.position)
  }

  /// Copies a run of single numbers of one field as one packed field: protobuf-c keeps 40 bytes for each field it meets.
  private mutating func pack(_ cursor: inout WireCursor, _ field: Field, _ type: WireType) throws {
    try spend(64)
    try beginLength(of: field)
    let start = structure.count
    while true {
      try copy(cursor.value(type))
      guard !cursor.isAtEnd else { break }
      var ahead = cursor
      let (number, nextType) = try ahead.tag()
      guard number == Int(field.pointee.id), nextType == type else { break }
      cursor = ahead
    }
    endLength(start)
  }

  private func checkPacked(_ range: Range<Int>, _ element: WireType) throws {
    var cursor = WireCursor(bytes, range)
    while !cursor.isAtEnd { _ = try cursor.value(element) }
  }

  private func expect(_ type: WireType, for field: Field, at cursor: WireCursor) throws {
    guard let expected = field.pointee.type.wireType else {
      throw cursor.failure("the field's type is not supported")
    }
    let mayBePacked = field.pointee.label == PROTOBUF_C_LABEL_REPEATED && type == .length
    guard type == expected || mayBePacked else {
      throw cursor.failure("the value has wire type \(type), but its field has \(expected)")
    }
  }

  // MARK: - Output

  /// Leaves the index of a tensor's data in place of the data.
  private mutating func place(_ payload: TensorProto.Payload) throws {
    try spend(64)
    try structure.writeTag(TensorProto.rawDataNumber, .length)
    structure.write(UInt8(MemoryLayout<UInt64>.size))
    withUnsafeBytes(of: UInt64(payloads.count).littleEndian) { structure.write($0) }
    payloads.append(payload)
    try checkSize()
  }

  private mutating func copy(_ range: Range<Int>) throws {
    structure.write(UnsafeRawBufferPointer(rebasing: bytes[range]))
    try checkSize()
  }

  private func checkSize() throws {
    guard structure.count <= limits.structureBytes else {
      throw ONNXError(
        .limit, "the message takes more than \(limits.structureBytes) bytes without its tensors' data")
    }
  }

  private mutating func spend(_ bytes: Int) throws {
    memory -= bytes
    guard memory >= 0 else {
      throw ONNXError(.limit, "the message would take more memory than a file of its size may ask for")
    }
  }
}

extension ProtobufCType {
  /// The layout of a value of this type; nil for types that no ONNX message has.
  var wireType: WireType? {
    switch self {
    case PROTOBUF_C_TYPE_INT32, PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_ENUM: .varint
    case PROTOBUF_C_TYPE_FLOAT: .fixed32
    case PROTOBUF_C_TYPE_DOUBLE: .fixed64
    case PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_BYTES, PROTOBUF_C_TYPE_MESSAGE: .length
    default: nil
    }
  }
}
