import CPNG
import ONNXParse

/// The records of a ZIP archive of stored files, each starting at a multiple of 64 bytes so that it can be mapped
/// and used in place. The caller writes what this makes, and each file's bytes behind its header.
struct ZipWriter {
  private struct Entry {
    let name: [UInt8]
    let crc: UInt32
    let size: Int
    let offset: Int
  }

  private var entries: [Entry] = []
  private var position = 0

  /// The header that stands before a file that consists of `parts`.
  mutating func header(of name: String, parts: [UnsafeRawBufferPointer]) -> [UInt8] {
    let size = parts.reduce(0) { $0 + $1.count }
    let crc = parts.reduce(UInt32(0)) {
      cpng_crc32($0, $1.bindMemory(to: UInt8.self).baseAddress, $1.count)
    }
    let entry = Entry(name: Array(name.utf8), crc: crc, size: size, offset: position)
    entries.append(entry)
    let header = localHeader(of: entry)
    position += header.count + size
    return header
  }

  /// The directory that ends the archive.
  func directory() -> [UInt8] {
    let records = entries.flatMap(directoryRecord)
    return records + endRecords(start: position, size: records.count)
  }

  private func localHeader(of entry: Entry) -> [UInt8] {
    let isWide = entry.size >= 0xFFFF_FFFF
    let extra = isWide ? Bytes().u16(1).u16(16).u64(entry.size).u64(entry.size) : Bytes()
    // An extra field of no meaning (0xD935, used elsewhere for alignment too) fills up to the multiple of 64.
    let before = entry.offset + 30 + entry.name.count + extra.bytes.count
    let padding = (64 - before % 64) % 64
    let fill = padding == 0 ? 0 : (padding < 4 ? padding + 64 : padding)
    var header = fixedFields(Bytes().u32(0x0403_4B50), of: entry, isWide: isWide)
      .u16(entry.name.count).u16(extra.bytes.count + fill).raw(entry.name).raw(extra.bytes)
    if fill > 0 { header = header.u16(0xD935).u16(fill - 4).raw([UInt8](repeating: 0, count: fill - 4)) }
    return header.bytes
  }

  private func directoryRecord(of entry: Entry) -> [UInt8] {
    let isWide = entry.size >= 0xFFFF_FFFF
    let isFar = entry.offset >= 0xFFFF_FFFF
    var wide = Bytes()
    if isWide { wide = wide.u64(entry.size).u64(entry.size) }
    if isFar { wide = wide.u64(entry.offset) }
    let extra = wide.bytes.isEmpty ? Bytes() : Bytes().u16(1).u16(wide.bytes.count).raw(wide.bytes)
    return fixedFields(Bytes().u32(0x0201_4B50).u16(45), of: entry, isWide: isWide)
      .u16(entry.name.count).u16(extra.bytes.count).u16(0).u16(0).u16(0).u32(0)
      .u32(isFar ? 0xFFFF_FFFF : entry.offset).raw(entry.name).raw(extra.bytes).bytes
  }

  /// What local header and directory have in common: version, flags (names are UTF-8), method, date, checksum, sizes.
  private func fixedFields(_ bytes: Bytes, of entry: Entry, isWide: Bool) -> Bytes {
    let size = isWide ? 0xFFFF_FFFF : entry.size
    // 1 January 1980, so that equal tensors give equal files.
    return bytes.u16(45).u16(0x0800).u16(0).u16(0).u16(0x21).u32(Int(entry.crc)).u32(size).u32(size)
  }

  private func endRecords(start: Int, size: Int) -> [UInt8] {
    var bytes = Bytes()
    if entries.count >= 0xFFFF || start >= 0xFFFF_FFFF || size >= 0xFFFF_FFFF {
      bytes = bytes.u32(0x0606_4B50).u64(44).u16(45).u16(45).u32(0).u32(0).u64(entries.count).u64(
        entries.count
      )
      .u64(size).u64(start).u32(0x0706_4B50).u32(0).u64(start + size).u32(1)
    }
    let count = min(entries.count, 0xFFFF)
    return bytes.u32(0x0605_4B50).u16(0).u16(0).u16(count).u16(count).u32(min(size, 0xFFFF_FFFF))
      .u32(min(start, 0xFFFF_FFFF)).u16(0).bytes
  }
}

/// Little-endian fields, one behind the other.
private struct Bytes {
  private(set) var bytes: [UInt8] = []

  func u16(_ value: Int) -> Bytes { appending(value, count: 2) }
  func u32(_ value: Int) -> Bytes { appending(value, count: 4) }
  func u64(_ value: Int) -> Bytes { appending(value, count: 8) }

  func raw(_ more: [UInt8]) -> Bytes {
    var result = self
    result.bytes += more
    return result
  }

  private func appending(_ value: Int, count: Int) -> Bytes {
    raw((0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
  }
}
