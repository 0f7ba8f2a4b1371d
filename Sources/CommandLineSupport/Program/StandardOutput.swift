import Glibc
import ONNXParse

/// Where results go.
enum StandardOutput {
  /// Writes a line, or several.
  /// - Throws: `FileError` where it can't be written, as to a full disk: a result that is lost is no success.
  static func write(_ text: String) throws {
    guard StandardStream.write(text + "\n", to: STDOUT_FILENO) else {
      throw FileError("standard output", errno: errno, doing: "write")
    }
  }
}

/// Standard output and standard error, written without a buffer.
enum StandardStream {
  /// Writes the whole text; false, with the reason in `errno`, where it can't.
  static func write(_ text: String, to descriptor: Int32) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if written < 0 {
          if errno == EINTR { continue }
          return false
        }
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      }
      return true
    }
  }
}
