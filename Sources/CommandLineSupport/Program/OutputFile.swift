import Foundation
import ONNXParse

/// Looks ahead at files that are to be written.
enum OutputFile {
  /// Throws where `path` can't be written, so that no work is done for nothing.
  static func check(_ path: String) throws {
    var status = stat()
    if stat(path, &status) == 0 {
      if status.st_mode & S_IFMT == S_IFDIR { throw FileError(path, "is a directory") }
      if status.st_mode & S_IFMT != S_IFREG { return }
    }
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    guard access(folder, W_OK | X_OK) == 0 else { throw FileError(path, errno: errno, doing: "write") }
  }
}
