import Glibc
import ONNXParse

/// Where results go.
enum StandardOutput {
  /// Writes a line, or several.
  /// - Throws: `FileError` where it can't be written, as to a full disk: a result that is lost is no success.
  static func write(_ text: String) throws {
    var line = text + "\n"
    try line.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let written = Glibc.write(STDOUT_FILENO, rest.baseAddress, rest.count)
        if written < 0 {
          if errno == EINTR { continue }
          throw FileError("standard output", errno: errno, doing: "write")
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      }
    }
  }
}
