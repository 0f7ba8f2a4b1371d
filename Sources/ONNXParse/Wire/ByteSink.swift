/// Where encoded bytes go.
protocol ByteSink {
  /// The bytes that went there so far.
  var count: Int { get }

  mutating func write(_ byte: UInt8) throws
  mutating func write(_ bytes: UnsafeRawBufferPointer) throws
}

extension ByteSink {
  /// Writes a number in 7-bit groups, lowest first.
  mutating func writeVarint(_ value: UInt64) throws {
    var rest = value
    while rest >= 0x80 {
      try write(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    try write(UInt8(rest))
  }

  /// Writes a field's number and the layout of its value.
  mutating func writeTag(_ number: Int, _ type: WireType) throws {
    try writeVarint(UInt64(number) << 3 | UInt64(type.rawValue))
  }
}

/// Counts bytes and drops them.
struct CountingSink: ByteSink {
  private(set) var count = 0

  mutating func write(_ byte: UInt8) { count += 1 }
  mutating func write(_ bytes: UnsafeRawBufferPointer) { count += bytes.count }
}

/// Collects bytes in memory.
struct MemorySink: ByteSink {
  private(set) var bytes: [UInt8] = []
  var count: Int { bytes.count }

  init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  mutating func write(_ byte: UInt8) { bytes.append(byte) }
  mutating func write(_ bytes: UnsafeRawBufferPointer) { self.bytes.append(contentsOf: bytes) }

  /// Leaves room for `count` bytes that `patch` fills in.
  mutating func reserve(_ count: Int) { bytes.append(contentsOf: repeatElement(0, count: count)) }

  /// Replaces the byte at `position`.
  mutating func patch(_ position: Int, _ byte: UInt8) { bytes[position] = byte }
}
