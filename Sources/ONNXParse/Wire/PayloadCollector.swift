/// The data of one tensor as its fields come by: in place where it lies in one piece, gathered where it doesn't.
struct PayloadCollector {
  private var raw: ByteRegion?
  private var typedField: TensorProto.TypedField?
  /// The typed data while it is one stretch of the file.
  private var stretch: ByteRegion?
  /// The typed data otherwise: little-endian numbers at the width of the field.
  private var numbers: [UInt8] = []

  /// Whether field `number` of a tensor is one of those collected here.
  func takes(_ number: Int) -> Bool {
    number == TensorProto.rawDataNumber || TensorProto.TypedField(rawValue: number) != nil
  }

  /// Takes the value at `cursor`, a piece of `file`.
  mutating func add(_ number: Int, _ type: WireType, from cursor: inout WireCursor, of file: ByteRegion)
    throws
  {
    guard let field = TensorProto.TypedField(rawValue: number) else {
      raw = file[try cursor.lengthPrefixed()]
      return
    }
    if let other = typedField, other != field, hasNumbers {
      throw cursor.failure("the tensor has data in \(other.fieldName), too")
    }
    typedField = field
    if type != .length {
      try appendNumber(&cursor, field)
      return
    }
    let content = try cursor.lengthPrefixed()
    guard field.isFixedWidth else {
      try appendVarints(WireCursor(cursor.bytes, content), field)
      return
    }
    guard content.count % field.width == 0 else { throw cursor.failure("the packed numbers are cut off") }
    if hasNumbers {
      leaveStretch()
      numbers.append(contentsOf: UnsafeRawBufferPointer(rebasing: cursor.bytes[content]))
    } else {
      stretch = file[content]
    }
  }

  /// What was collected; nil where the tensor has none of the fields.
  func finish() throws -> TensorProto.Payload? {
    if let typedField, hasNumbers {
      guard raw == nil || raw?.count == 0 else {
        throw ONNXError(.tensor, "the tensor has data in raw_data and in \(typedField.fieldName)")
      }
      return .typed(typedField, stretch ?? ByteRegion(numbers))
    }
    return raw.map { .raw($0) }
  }

  private var hasNumbers: Bool { (stretch?.count ?? 0) > 0 || !numbers.isEmpty }

  private mutating func leaveStretch() {
    stretch?.withUnsafeBytes { numbers.append(contentsOf: $0) }
    stretch = nil
  }

  private mutating func appendNumber(_ cursor: inout WireCursor, _ field: TensorProto.TypedField) throws {
    leaveStretch()
    if field.isFixedWidth {
      numbers.append(contentsOf: UnsafeRawBufferPointer(rebasing: cursor.bytes[try cursor.skip(field.width)]))
    } else {
      append(try cursor.varint(), width: field.width)
    }
  }

  private mutating func appendVarints(_ varints: WireCursor, _ field: TensorProto.TypedField) throws {
    var cursor = varints
    let content = UnsafeRawBufferPointer(rebasing: cursor.bytes[cursor.position..<cursor.end])
    let count = content.reduce(into: 0) { count, byte in count += byte < 0x80 ? 1 : 0 }
    numbers.reserveCapacity(numbers.count + count * field.width)
    while !cursor.isAtEnd { append(try cursor.varint(), width: field.width) }
  }

  private mutating func append(_ number: UInt64, width: Int) {
    withUnsafeBytes(of: number.littleEndian) { numbers.append(contentsOf: $0.prefix(width)) }
  }
}

extension TensorProto.TypedField {
  /// Whether the wire holds the field's numbers at their width in memory.
  var isFixedWidth: Bool {
    switch self {
    case .float, .double: true
    case .int32, .int64, .uint64: false
    }
  }
}
