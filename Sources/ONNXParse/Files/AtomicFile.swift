import Glibc

/// A file in the making, which takes its name only when it is whole.
///
/// The bytes go to a temporary file in the same folder, which is renamed when it is complete and, where asked for, on the
/// disk. Until then, and for good where the writing fails, what stood under the name stands as it was. Pipes and devices,
/// which can't be replaced, are written to directly.
public struct AtomicFile: ~Copyable {
  public let path: String
  /// The open file, for C libraries that write to a descriptor themselves.
  public private(set) var descriptor: Int32
  /// Where the bytes go until the file takes its name; nil for a pipe or a device.
  private var temporaryPath: String?
  /// The file that is replaced: `path` with its symbolic links followed.
  private let target: String

  /// Writes the whole of a file: `body` gets the open file, which takes its name when it returns and is dropped when it throws.
  /// Where `path` is a symbolic link, the file it leads to is replaced, or the link itself if `followsLinks` is false.
  /// - Throws: `FileError`, and whatever `body` throws.
  public static func write(
    to path: String, followsLinks: Bool = true, _ body: (borrowing AtomicFile) throws -> Void
  ) throws {
    var file = try open(path, followsLinks: followsLinks)
    try body(file)
    try file.finish(.onDisk)
    try file.takeName(.onDisk)
  }

  /// What a file has outlived when it takes its name.
  public enum Durability: Sendable {
    /// The process: whatever ends it, the file is whole. The system writes it to the disk when it likes, so that where the
    /// power fails within seconds, the newest file may be lost.
    case complete
    /// The machine too: file and name are on the disk.
    case onDisk
  }

  /// One of several files that are written together.
  public struct Part {
    let path: String
    let body: (borrowing AtomicFile) throws -> Void

    /// - Parameters:
    ///   - path: where the file will be.
    ///   - body: writes the whole file.
    public init(_ path: String, _ body: @escaping (borrowing AtomicFile) throws -> Void) {
      self.path = path
      self.body = body
    }
  }

  /// Writes several files: the first takes its name only when all are whole, so that where one fails, none is replaced.
  /// - Throws: `FileError`, and whatever a part's body throws.
  public static func write(_ parts: [Part], durability: Durability = .onDisk) throws {
    guard let part = parts.first else { return }
    var file = try open(part.path, followsLinks: true)
    try part.body(file)
    try file.finish(durability)
    try write(Array(parts.dropFirst()), durability: durability)
    try file.takeName(durability)
  }

  private init(path: String, target: String, descriptor: Int32, temporaryPath: String?) {
    self.path = path
    self.target = target
    self.descriptor = descriptor
    self.temporaryPath = temporaryPath
  }

  private static func open(_ path: String, followsLinks: Bool) throws -> AtomicFile {
    var status = stat()
    guard followsLinks, stat(path, &status) == 0 else {
      return try openTemporary(for: path, target: path, mode: 0o666)
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: throw FileError(path, "is a directory")
    case S_IFREG: return try openTemporary(for: path, target: resolved(path), mode: status.st_mode & 0o777)
    default:
      let descriptor = Glibc.open(path, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw FileError(path, errno: errno, doing: "write") }
      return AtomicFile(path: path, target: path, descriptor: descriptor, temporaryPath: nil)
    }
  }

  deinit {
    if descriptor >= 0 { Glibc.close(descriptor) }
    if let temporaryPath { unlink(temporaryPath) }
  }

  /// Appends `bytes`.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    try Self.write(bytes, to: descriptor, path: path)
  }

  static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws {
    var rest = bytes
    while !rest.isEmpty {
      // Linux moves at most 2 GiB in one call.
      let written = Glibc.write(descriptor, rest.baseAddress, min(rest.count, 1 << 30))
      if written < 0 {
        if errno == EINTR { continue }
        throw FileError(path, errno: errno, doing: "write")
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  /// Appends `bytes`.
  public func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

  /// Closes the file; it is complete then, and on the disk where that is asked for.
  private mutating func finish(_ durability: Durability) throws {
    guard temporaryPath == nil || durability == .complete || fsync(descriptor) == 0 else {
      throw FileError(path, errno: errno, doing: "write")
    }
    // Systems that write behind (NFS) tell here what went wrong; the descriptor is gone either way.
    let outcome = Glibc.close(descriptor)
    descriptor = -1
    guard outcome == 0 || errno == EINTR else { throw FileError(path, errno: errno, doing: "write") }
  }

  /// Gives the file its name.
  private mutating func takeName(_ durability: Durability) throws {
    guard let temporaryPath else { return }
    guard rename(temporaryPath, target) == 0 else { throw FileError(path, errno: errno, doing: "write") }
    self.temporaryPath = nil
    guard durability == .onDisk else { return }
    // The name is safe only once the folder is on the disk too; a system that can't do it has the file all the same.
    let folder = Glibc.open(target.parentFolder, O_RDONLY | O_CLOEXEC)
    if folder >= 0 {
      fsync(folder)
      Glibc.close(folder)
    }
  }

  private static func openTemporary(for path: String, target: String, mode: mode_t) throws -> AtomicFile {
    for _ in 0..<16 {
      let random = String(UInt64.random(in: 0...UInt64.max), radix: 36)
      let name = target.sibling(named: ".\(random).tmp")
      let descriptor = Glibc.open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode)
      if descriptor >= 0 {
        return AtomicFile(path: path, target: target, descriptor: descriptor, temporaryPath: name)
      }
      guard errno == EEXIST else { break }
    }
    throw FileError(path, errno: errno, doing: "write")
  }

  private static func resolved(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
  }
}
