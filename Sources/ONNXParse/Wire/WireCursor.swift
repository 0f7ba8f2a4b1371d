/// How a field's value is laid out in bytes. The standard's groups (3 and 4) occur in no ONNX message.
enum WireType: UInt8, Sendable {
  case varint = 0
  case fixed64 = 1
  case length = 2
  case fixed32 = 5
}

/// A place in a protobuf message that moves forward, never past the end.
struct WireCursor {
  let bytes: UnsafeRawBufferPointer
  private(set) var position: Int
  /// Where the message being read ends.
  var end: Int

  init(_ bytes: UnsafeRawBufferPointer) {
    self.init(bytes, 0..<bytes.count)
  }

  init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  var isAtEnd: Bool { position == end }

  /// Reads a variable-length number of up to 64 bits.
  mutating func varint() throws -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < end {
      let byte = bytes[position]
      position += 1
      guard shift < 63 || byte <= 1 else { throw failure("a number takes more than 64 bits") }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw failure("a number is cut off")
  }

  /// Reads a field's number and the layout of its value.
  mutating func tag() throws -> (number: Int, type: WireType) {
    let tag = try varint()
    guard tag >> 3 >= 1, tag >> 3 < 1 << 29 else { throw failure("field number \(tag >> 3) does not exist") }
    guard let type = WireType(rawValue: UInt8(tag & 7)) else {
      throw failure("field \(tag >> 3) has wire type \(tag & 7), which no ONNX message uses")
    }
    return (Int(tag >> 3), type)
  }

  /// Reads a length and steps over as many bytes.
  mutating func lengthPrefixed() throws -> Range<Int> {
    let length = try varint()
    guard length <= UInt64(end - position) else {
      throw failure("a length of \(length) bytes goes past the end, \(end - position) bytes away")
    }
    return try skip(Int(length))
  }

  /// Steps over `count` bytes.
  mutating func skip(_ count: Int) throws -> Range<Int> {
    guard count <= end - position else { throw failure("a value is cut off") }
    defer { position += count }
    return position..<position + count
  }

  /// Steps over a value; for one with a length, the length is part of the range.
  mutating func value(_ type: WireType) throws -> Range<Int> {
    let start = position
    switch type {
    case .varint: _ = try varint()
    case .fixed64: _ = try skip(8)
    case .fixed32: _ = try skip(4)
    case .length: _ = try lengthPrefixed()
    }
    return start..<position
  }

  func failure(_ message: String) -> ONNXError { ONNXError(.wire, "\(message) (byte \(position))") }
}
