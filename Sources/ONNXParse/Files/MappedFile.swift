import Glibc

/// A file's bytes mapped read-only; unmapped when the last region of them goes.
final class MappedFile {
  let bytes: UnsafeRawBufferPointer

  /// Maps the regular file `file` of `count` bytes.
  fileprivate init(_ file: OpenFile, count: Int) throws {
    guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, file.descriptor, 0), start != MAP_FAILED else {
      throw FileError(file.path, errno: errno, doing: "map")
    }
    bytes = UnsafeRawBufferPointer(start: start, count: count)
    // Read from the disk in pieces of a huge page, a file is mapped so too: a five-hundredth of the page faults, now and
    // as long as it stays in the page cache. Systems that can't do it say so, and map it as ever.
    if count >= Self.hugePage { madvise(start, count, MADV_HUGEPAGE) }
  }

  private static let hugePage = 2 << 20

  deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }
}

extension ByteRegion {
  /// The most that is read from a pipe, whose length is not known ahead: as much as a protobuf message may take.
  static let pipeLimit = Int(Int32.max)

  /// The bytes of the file at `path`: mapped where it is a regular file, read where it is a pipe.
  /// - Throws: `FileError` where the file can't be opened or read.
  public init(contentsOf path: String) throws { self = try ByteRegion(OpenFile(path, O_RDONLY)) }

  /// The bytes of an open file.
  init(_ file: OpenFile) throws {
    let status = try file.status()
    guard !status.isDirectory else { throw FileError(file.path, "is a directory") }
    if status.isRegularFile, status.st_size > 0 {
      let mapping = try MappedFile(file, count: Int(status.st_size))
      self.init(start: mapping.bytes.baseAddress!, count: mapping.bytes.count, owner: mapping)
    } else {
      self.init(try Self.readToEnd(file))
    }
  }

  /// Gives the system back the memory of the pages that lie wholly in this stretch of a mapped file; where they are
  /// used again, they come from the file again. Memory of our own stays.
  public func releasePages() {
    guard owner is MappedFile else { return }
    let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
    let address = UInt(bitPattern: start)
    let first = (address + page - 1) / page * page
    let end = (address + UInt(count)) / page * page
    guard first < end, let start = UnsafeMutableRawPointer(bitPattern: first) else { return }
    madvise(start, Int(end - first), MADV_DONTNEED)
  }

  /// The stretch from here to the end of `next`, where that follows in the same mapped file, at most `gap` bytes behind.
  public func joined(with next: ByteRegion, across gap: Int) -> ByteRegion? {
    let distance = next.start - (start + count)
    guard owner is MappedFile, owner === next.owner, (0...gap).contains(distance) else { return nil }
    return ByteRegion(start: start, count: count + distance + next.count, owner: owner)
  }

  private static func readToEnd(_ file: OpenFile) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = retryingInterrupts { read(file.descriptor, &chunk, chunk.count) }
      guard count >= 0 else { throw FileError(file.path, errno: errno, doing: "read") }
      if count == 0 { return bytes }
      guard bytes.count + count <= pipeLimit else {
        throw FileError(file.path, "does not end within \(pipeLimit) bytes")
      }
      bytes.append(contentsOf: chunk.prefix(count))
    }
  }
}
