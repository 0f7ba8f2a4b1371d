/// Gathers what is written to a file, from its beginning on, to pieces of a huge page that lie at multiples of it.
///
/// File systems that keep large folios (ext4 and XFS on current kernels) keep each piece as it was written. Who maps the
/// file soon after then needs a page fault for 2 MB, not for 64 KB, as if it had come from the disk.
public struct HugePageWriter: ~Copyable {
  public static let pieceByteCount = 2 << 20

  private var piece: [UInt8] = []

  public init() { piece.reserveCapacity(Self.pieceByteCount) }

  /// Appends `bytes`.
  public mutating func write(_ bytes: UnsafeRawBufferPointer, to file: borrowing AtomicFile) throws {
    var rest = bytes
    while !rest.isEmpty {
      let whole = rest.count / Self.pieceByteCount * Self.pieceByteCount
      if piece.isEmpty, whole > 0 {
        try file.write(UnsafeRawBufferPointer(rebasing: rest[..<whole]))
        rest = UnsafeRawBufferPointer(rebasing: rest[whole...])
        continue
      }
      let count = min(rest.count, Self.pieceByteCount - piece.count)
      piece.append(contentsOf: rest[..<count])
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if piece.count == Self.pieceByteCount { try finish(file) }
    }
  }

  /// Appends `bytes`.
  public mutating func write(_ bytes: [UInt8], to file: borrowing AtomicFile) throws {
    try bytes.withUnsafeBytes { try write($0, to: file) }
  }

  /// Appends `count` zeros, less than a page.
  public mutating func write(zeros count: Int, to file: borrowing AtomicFile) throws {
    try write([UInt8](repeating: 0, count: count), to: file)
  }

  /// Writes what is left.
  public mutating func finish(_ file: borrowing AtomicFile) throws {
    try file.write(piece)
    piece.removeAll(keepingCapacity: true)
  }
}
