import CProtobuf

/// A Swift type that stands for a scalar, string or bytes field.
protocol WireScalar: Equatable, Sendable {
  /// How protobuf-c holds such a value.
  associatedtype Slot

  /// What an absent field counts as.
  static var absent: Self { get }
  static var wireType: WireType { get }

  /// The value in `slot`; nil where the field is absent.
  static func load(_ slot: Slot) throws -> Self?

  /// Writes the value without its tag.
  func encode<Sink: ByteSink>(to sink: inout Sink) throws
}

extension Int64: WireScalar {
  static var absent: Int64 { 0 }
  static var wireType: WireType { .varint }

  static func load(_ slot: Int64) -> Int64? { slot }

  func encode<Sink: ByteSink>(to sink: inout Sink) throws { try sink.writeVarint(UInt64(bitPattern: self)) }
}

extension Int32: WireScalar {
  static var absent: Int32 { 0 }
  static var wireType: WireType { .varint }

  static func load(_ slot: Int32) -> Int32? { slot }

  func encode<Sink: ByteSink>(to sink: inout Sink) throws {
    try sink.writeVarint(UInt64(bitPattern: Int64(self)))
  }
}

extension Float: WireScalar {
  static var absent: Float { 0 }
  static var wireType: WireType { .fixed32 }

  static func load(_ slot: Float) -> Float? { slot }

  func encode<Sink: ByteSink>(to sink: inout Sink) throws {
    try withUnsafeBytes(of: bitPattern.littleEndian) { try sink.write($0) }
  }
}

extension String: WireScalar {
  static var absent: String { "" }
  static var wireType: WireType { .length }

  static func load(_ slot: UnsafePointer<CChar>?) throws -> String? {
    guard let slot else { return nil }
    guard let text = String(validatingCString: slot) else { throw ONNXError(.wire, "the text is not UTF-8") }
    return text
  }

  func encode<Sink: ByteSink>(to sink: inout Sink) throws {
    var text = self
    try text.withUTF8 {
      try sink.writeVarint(UInt64($0.count))
      try sink.write(UnsafeRawBufferPointer($0))
    }
  }
}

extension Array: WireScalar where Element == UInt8 {
  static var absent: [UInt8] { [] }
  static var wireType: WireType { .length }

  static func load(_ slot: ProtobufCBinaryData) -> [UInt8]? {
    Array(UnsafeBufferPointer(start: slot.data, count: slot.len))
  }

  func encode<Sink: ByteSink>(to sink: inout Sink) throws {
    try sink.writeVarint(UInt64(count))
    try withUnsafeBytes { try sink.write($0) }
  }
}
