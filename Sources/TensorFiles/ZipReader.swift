import CPNG
import ONNXParse

/// The files in a ZIP archive, stored or deflated, of any size (ZIP64), without encryption and in one part.
struct ZipReader {
  struct Entry {
    let name: String
    let method: UInt16
    let crc: UInt32
    let compressedSize: Int
    let size: Int
    let headerOffset: Int
    /// Whether checksum and sizes follow the content, and its header lacks them.
    let isStreamed: Bool
  }

  let entries: [Entry]
  /// Where each entry's content lies.
  private let places: [Range<Int>]
  private let bytes: ByteRegion
  private let name: String

  /// Reads the archive's directory, and holds it against the headers of the entries.
  /// - Throws: `FileError` where they contradict each other, or one entry lies over another.
  init(_ bytes: ByteRegion, name: String) throws {
    self.bytes = bytes
    self.name = name
    (entries, places) = try bytes.withUnsafeBytes { bytes in
      let directory = try ZipDirectory(bytes, name: name)
      let entries = try directory.entries()
      return (entries, try directory.places(of: entries))
    }
  }

  /// The content of the entry at `index`: a stretch of the archive where it is stored, else memory of its own.
  /// - Throws: `FileError` where the archive is damaged, or the content would take more than `limit` bytes.
  func content(at index: Int, limit: Int) throws -> ByteRegion {
    let entry = entries[index]
    let data = bytes[places[index]]
    let content: ByteRegion
    switch entry.method {
    case 0:
      guard entry.size == entry.compressedSize else { throw damaged(entry, "states two sizes") }
      content = data
    case 8: content = try inflate(data, of: entry, limit: limit)
    default: throw damaged(entry, "is compressed by method \(entry.method), which is not supported")
    }
    let crc = content.withUnsafeBytes { cpng_crc32(0, $0.bindMemory(to: UInt8.self).baseAddress, $0.count) }
    guard crc == entry.crc else { throw damaged(entry, "is damaged: its checksum does not match") }
    return content
  }

  private func inflate(_ data: ByteRegion, of entry: Entry, limit: Int) throws -> ByteRegion {
    // Deflate grows at most 1032-fold: what states more is refused before memory is taken for it.
    guard entry.size <= limit, entry.size / 1032 <= data.count else {
      throw damaged(entry, "states a size of \(entry.size) bytes, which is too much")
    }
    guard let inflater = cpng_inflater_create() else { throw FileError(name, "out of memory") }
    defer { cpng_inflater_free(inflater) }
    return try ByteRegion(count: entry.size) { target in
      try data.withUnsafeBytes { source in
        let input = source.bindMemory(to: UInt8.self)
        let output = target.bindMemory(to: UInt8.self)
        var read = 0
        var written = 0
        while true {
          var consumed = 0
          var produced = 0
          let state = cpng_inflate(
            inflater, input.baseAddress! + read, input.count - read, &consumed, output.baseAddress! + written,
            output.count - written, &produced)
          read += consumed
          written += produced
          if state == 1, written == output.count { return }
          guard state == 0, consumed > 0 || produced > 0 else { throw damaged(entry, "is damaged") }
        }
      }
    }
  }

  private func damaged(_ entry: Entry, _ message: String) -> FileError { entry.damaged(message, in: name) }
}

extension ZipReader.Entry {
  fileprivate func damaged(_ message: String, in archive: String) -> FileError {
    FileError(archive, "'\(name)' \(message)")
  }
}

/// The directory at the end of an archive.
private struct ZipDirectory {
  private let bytes: UnsafeRawBufferPointer
  private let name: String
  /// How many entries there are, where the first one's record is, and where the records end.
  private let count: Int
  private let offset: Int
  private let end: Int

  init(_ bytes: UnsafeRawBufferPointer, name: String) throws {
    self.bytes = bytes
    self.name = name
    (count, offset, end) = try Self.place(in: bytes, name)
  }

  func entries() throws -> [ZipReader.Entry] {
    var entries: [ZipReader.Entry] = []
    var position = offset
    for _ in 0..<count {
      let (entry, next) = try self.entry(at: position, end: end)
      entries.append(entry)
      position = next
    }
    return entries
  }

  /// Where the entries' contents lie, in the same order: each behind its header, none over another, all before the
  /// directory. What lies in two entries would be read twice, and twenty thousand times in twenty thousand.
  func places(of entries: [ZipReader.Entry]) throws -> [Range<Int>] {
    let places = try entries.map(contentPlace)
    var free = 0
    for (entry, place) in zip(entries, places).sorted(by: { $0.0.headerOffset < $1.0.headerOffset }) {
      guard entry.headerOffset >= free else { throw entry.damaged("lies over another entry", in: name) }
      free = place.upperBound
    }
    return places
  }

  /// Where an entry's content lies: behind its header, which must say what the directory says.
  private func contentPlace(of entry: ZipReader.Entry) throws -> Range<Int> {
    let start = entry.headerOffset
    guard start <= offset - 30, bytes.littleEndian(UInt32.self, at: start) == 0x0403_4B50 else {
      throw entry.damaged("has no header where the directory says", in: name)
    }
    let nameLength = Int(bytes.littleEndian(UInt16.self, at: start + 26))
    let extraLength = Int(bytes.littleEndian(UInt16.self, at: start + 28))
    let content = start + 30 + nameLength + extraLength
    guard content <= offset, entry.compressedSize <= offset - content else {
      throw entry.damaged("reaches beyond the end of the file's entries", in: name)
    }
    // Sizes that are all ones stand in an extra field, and those of a stream behind the content.
    let agrees = [(14, Int(entry.crc)), (18, entry.compressedSize), (22, entry.size)].allSatisfy {
      let stated = bytes.littleEndian(UInt32.self, at: start + $0)
      return entry.isStreamed || Int(stated) == $1 || $0 > 14 && stated == 0xFFFF_FFFF
    }
    let title = String(decoding: bytes[start + 30..<start + 30 + nameLength], as: UTF8.self)
    guard agrees, title == entry.name, bytes.littleEndian(UInt16.self, at: start + 8) == entry.method else {
      throw entry.damaged("has a header that contradicts the directory", in: name)
    }
    return content..<content + entry.compressedSize
  }

  private static func place(in bytes: UnsafeRawBufferPointer, _ name: String) throws
    -> (count: Int, offset: Int, end: Int)
  {
    let end = try endRecord(in: bytes, name)
    var count = Int(bytes.littleEndian(UInt16.self, at: end + 10))
    var size = Int(bytes.littleEndian(UInt32.self, at: end + 12))
    var offset = Int(bytes.littleEndian(UInt32.self, at: end + 16))
    if end >= 20, bytes.littleEndian(UInt32.self, at: end - 20) == 0x0706_4B50 {
      let record = bytes.littleEndian(UInt64.self, at: end - 12)
      guard record <= UInt64(end - 20), end - 20 - Int(record) >= 56,
        bytes.littleEndian(UInt32.self, at: Int(record)) == 0x0606_4B50
      else { throw FileError(name, "the ZIP archive's directory is damaged") }
      count = Int(clamping: bytes.littleEndian(UInt64.self, at: Int(record) + 32))
      size = Int(clamping: bytes.littleEndian(UInt64.self, at: Int(record) + 40))
      offset = Int(clamping: bytes.littleEndian(UInt64.self, at: Int(record) + 48))
    }
    guard offset <= end, size <= end - offset, count <= size / 46 else {
      throw FileError(name, "the ZIP archive's directory is damaged")
    }
    return (count, offset, offset + size)
  }

  /// Where the record that ends the archive stands: before a comment of at most 65535 bytes.
  private static func endRecord(in bytes: UnsafeRawBufferPointer, _ name: String) throws -> Int {
    var position = bytes.count - 22
    while position >= max(0, bytes.count - 22 - 65535) {
      if bytes.littleEndian(UInt32.self, at: position) == 0x0605_4B50,
        position + 22 + Int(bytes.littleEndian(UInt16.self, at: position + 20)) == bytes.count
      {
        return position
      }
      position -= 1
    }
    throw FileError(name, "not a ZIP archive, or one that was cut off")
  }

  private func entry(at position: Int, end: Int) throws -> (ZipReader.Entry, next: Int) {
    guard position <= end - 46, bytes.littleEndian(UInt32.self, at: position) == 0x0201_4B50 else {
      throw FileError(name, "the ZIP archive's directory is damaged")
    }
    let nameLength = Int(bytes.littleEndian(UInt16.self, at: position + 28))
    let extraLength = Int(bytes.littleEndian(UInt16.self, at: position + 30))
    let commentLength = Int(bytes.littleEndian(UInt16.self, at: position + 32))
    let next = position + 46 + nameLength + extraLength + commentLength
    guard next <= end else { throw FileError(name, "the ZIP archive's directory is damaged") }
    let entryName = String(decoding: bytes[position + 46..<position + 46 + nameLength], as: UTF8.self)
    let flags = bytes.littleEndian(UInt16.self, at: position + 8)
    guard flags & 1 == 0 else {
      throw FileError(name, "'\(entryName)' is encrypted")
    }
    var fields = [24, 20, 42].map { UInt64(bytes.littleEndian(UInt32.self, at: position + $0)) }
    readWideFields(
      &fields, in: UnsafeRawBufferPointer(rebasing: bytes[position + 46 + nameLength..<next - commentLength]))
    let entry = ZipReader.Entry(
      name: entryName, method: bytes.littleEndian(UInt16.self, at: position + 10),
      crc: bytes.littleEndian(UInt32.self, at: position + 16), compressedSize: Int(clamping: fields[1]),
      size: Int(clamping: fields[0]), headerOffset: Int(clamping: fields[2]), isStreamed: flags & 8 != 0)
    return (entry, next)
  }

  /// ZIP64: of size, compressed size and offset, those that are all ones stand in an extra field, in that order.
  private func readWideFields(_ fields: inout [UInt64], in extra: UnsafeRawBufferPointer) {
    var position = 0
    while position <= extra.count - 4 {
      let length = Int(extra.littleEndian(UInt16.self, at: position + 2))
      guard length <= extra.count - position - 4 else { return }
      if extra.littleEndian(UInt16.self, at: position) == 1 {
        var place = position + 4
        for index in fields.indices where fields[index] == 0xFFFF_FFFF && place + 8 <= position + 4 + length {
          fields[index] = extra.littleEndian(UInt64.self, at: place)
          place += 8
        }
        return
      }
      position += 4 + length
    }
  }
}

extension UnsafeRawBufferPointer {
  /// The little-endian number at `offset`, which must lie inside.
  func littleEndian<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type, at offset: Int)
    -> Number
  {
    Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
  }
}
