/// Gathers small pieces before they go to a file; large ones go straight there.
struct FileSink: ByteSink {
  private(set) var count = 0
  private var buffer: [UInt8] = []
  private let descriptor: Int32
  private let path: String

  private static let bufferSize = 1 << 16

  /// Gives `body` a sink that writes to `file`.
  static func write(to file: borrowing AtomicFile, _ body: (inout FileSink) throws -> Void) throws {
    var sink = FileSink(descriptor: file.descriptor, path: file.path)
    try body(&sink)
    try sink.flush()
  }

  private init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
    buffer.reserveCapacity(Self.bufferSize)
  }

  mutating func write(_ byte: UInt8) throws {
    if buffer.count == Self.bufferSize { try flush() }
    buffer.append(byte)
    count += 1
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
    if buffer.count + bytes.count > Self.bufferSize { try flush() }
    if bytes.count < Self.bufferSize {
      buffer.append(contentsOf: bytes)
    } else {
      try AtomicFile.write(bytes, to: descriptor, path: path)
    }
    count += bytes.count
  }

  /// Writes zeros up to a multiple of `alignment`.
  mutating func pad(to alignment: Int) throws {
    while count % alignment != 0 { try write(0) }
  }

  private mutating func flush() throws {
    try buffer.withUnsafeBytes { try AtomicFile.write($0, to: descriptor, path: path) }
    buffer.removeAll(keepingCapacity: true)
  }
}
