/// The first bytes of a `.graph` file: what it is, and where its sections lie.
///
/// All numbers are little-endian. 64 bytes: magic (8), version (4), section count (4), file size (8), checksum of
/// the header with this field zero and of the section table (8), zeros (32). Then 32 bytes a section: kind (4), flags (4), offset (8),
/// size (8), checksum (8).
struct GraphFileHeader {
  /// High bit, name, and the line ends that a text-mode copy would damage, as in PNG.
  static let magic: [UInt8] = [0x89, 0x43, 0x53, 0x4E, 0x47, 0x0D, 0x0A, 0x1A]
  /// The newest version this code reads, and the one it writes.
  static let version: UInt32 = 2
  static let byteCount = 64
  static let entryByteCount = 32
  /// More sections than any version has.
  private static let maximumSections: UInt32 = 64

  enum SectionKind: UInt32 {
    case description = 1
    case weights = 2
  }

  struct Section {
    var kind: UInt32
    /// Bit 0: a reader that does not know the kind may ignore it.
    var flags: UInt32 = 0
    var offset: Int
    var byteCount: Int
    var checksum: UInt64
  }

  var sections: [Section]
  var fileByteCount: Int
  var version = Self.version

  /// Bytes before the first section.
  static func byteCount(sections: Int) -> Int { byteCount + sections * entryByteCount }

  func section(_ kind: SectionKind) throws -> Section {
    guard let section = sections.first(where: { $0.kind == kind.rawValue }) else {
      throw GraphError(.invalidFile, "the .graph file is corrupt: its \(kind) is missing")
    }
    return section
  }
}

// MARK: - Writing

extension GraphFileHeader {
  var bytes: [UInt8] {
    let unsigned = encoded(checksum: 0)
    return encoded(checksum: unsigned.withUnsafeBytes(Checksum.of))
  }

  private func encoded(checksum: UInt64) -> [UInt8] {
    var bytes = Self.magic
    bytes.append(fixed: version)
    bytes.append(fixed: UInt32(sections.count))
    bytes.append(fixed: UInt64(fileByteCount))
    bytes.append(fixed: checksum)
    bytes.append(contentsOf: [UInt8](repeating: 0, count: Self.byteCount - bytes.count))
    for section in sections {
      bytes.append(fixed: section.kind)
      bytes.append(fixed: section.flags)
      bytes.append(fixed: UInt64(section.offset))
      bytes.append(fixed: UInt64(section.byteCount))
      bytes.append(fixed: section.checksum)
    }
    return bytes
  }
}

extension [UInt8] {
  fileprivate mutating func append(fixed value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}

// MARK: - Reading

extension GraphFileHeader {
  /// Whether the bytes begin as a `.graph` file does.
  static func isPresent(in file: UnsafeRawBufferPointer) -> Bool {
    file.count >= magic.count && file.prefix(magic.count).elementsEqual(magic)
  }

  /// Reads and checks the header of a whole file.
  /// - Throws: `GraphError` that says whether the file is foreign, newer, truncated or corrupt.
  init(reading file: UnsafeRawBufferPointer) throws {
    guard Self.isPresent(in: file) || Self.isTruncatedMagic(file) else {
      throw GraphError(.invalidFile, "this is not a .graph file")
    }
    guard file.count >= Self.byteCount else { throw Self.truncated(file.count, of: nil) }
    func number<T: FixedWidthInteger>(_ offset: Int, _: T.Type = T.self) -> T {
      T(littleEndian: file.loadUnaligned(fromByteOffset: offset, as: T.self))
    }
    let version: UInt32 = number(8)
    guard (1...Self.version).contains(version) else {
      throw GraphError(
        .invalidFile,
        "the .graph file is of version \(version), but this program reads versions up to \(Self.version); convert the model again"
      )
    }
    let count: UInt32 = number(12)
    let size: UInt64 = number(16)
    guard count <= Self.maximumSections, size <= UInt64(Int.max),
      size >= UInt64(Self.byteCount(sections: Int(count)))
    else { throw Self.corrupt("its header") }
    guard file.count >= Int(size) else { throw Self.truncated(file.count, of: Int(size)) }
    guard file.count == Int(size) else {
      throw Self.corrupt("its end: \(file.count - Int(size)) bytes follow")
    }
    var sections: [Section] = []
    for index in 0..<Int(count) {
      let start = Self.byteCount + index * Self.entryByteCount
      let (offset, length): (UInt64, UInt64) = (number(start + 8), number(start + 16))
      let (end, overflow) = offset.addingReportingOverflow(length)
      guard !overflow, end <= size, offset % 64 == 0 else { throw Self.corrupt("its section table") }
      sections.append(
        Section(
          kind: number(start), flags: number(start + 4), offset: Int(offset), byteCount: Int(length),
          checksum: number(start + 24)))
    }
    self.init(sections: sections, fileByteCount: Int(size), version: version)
    guard bytes.elementsEqual(file.prefix(Self.byteCount(sections: sections.count))) else {
      throw Self.corrupt("its header")
    }
    for section in sections where SectionKind(rawValue: section.kind) == nil && section.flags & 1 == 0 {
      throw GraphError(
        .invalidFile, "the .graph file has a section (\(section.kind)) that this program does not know")
    }
  }

  private static func isTruncatedMagic(_ file: UnsafeRawBufferPointer) -> Bool {
    !file.isEmpty && file.count < magic.count && magic.starts(with: file)
  }

  private static func truncated(_ count: Int, of size: Int?) -> GraphError {
    let expected = size.map { " of \($0)" } ?? ""
    return GraphError(.invalidFile, "the .graph file is truncated: it has \(count)\(expected) bytes")
  }

  static func corrupt(_ what: String) -> GraphError {
    GraphError(.invalidFile, "the .graph file is corrupt in \(what)")
  }
}
