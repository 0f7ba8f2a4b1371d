import Glibc

/// An open file, closed when the last reference goes.
final class OpenFile {
  /// Linux's `O_PATH`, which the C library's headers hide from Swift: names a file without opening what it holds.
  static let pathOnly: Int32 = 0o10_000_000

  let descriptor: Int32
  let path: String

  /// Opens `path`, relative to the folder `directory` where one is given.
  init(_ path: String, _ flags: Int32, mode: mode_t = 0o666, in directory: OpenFile? = nil) throws {
    self.path = path
    let descriptor = retryingInterrupts {
      openat(directory?.descriptor ?? AT_FDCWD, path, flags | O_CLOEXEC, mode)
    }
    guard descriptor >= 0 else { throw FileError(path, errno: errno, doing: "open") }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// What the system knows of the file.
  func status() throws -> stat {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw FileError(path, errno: errno, doing: "look at")
    }
    return status
  }

  /// Where the open file lies, symbolic links followed, as far as the system tells.
  func resolvedPath() throws -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let length = readlink("/proc/self/fd/\(descriptor)", &buffer, buffer.count - 1)
    guard length > 0 else { throw FileError(path, errno: errno, doing: "tell where the file lies") }
    return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension stat {
  var isRegularFile: Bool { st_mode & S_IFMT == S_IFREG }
  var isDirectory: Bool { st_mode & S_IFMT == S_IFDIR }
}

/// Calls `body` again as long as a signal interrupts it.
func retryingInterrupts<Result: SignedInteger>(_ body: () -> Result) -> Result {
  while true {
    let result = body()
    if result != -1 || errno != EINTR { return result }
  }
}
