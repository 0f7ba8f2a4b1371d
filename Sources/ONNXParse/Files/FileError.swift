import Glibc

/// Why a file can't be read or written: which file, and what the system or its content says.
public struct FileError: Error, Sendable, Hashable, CustomStringConvertible {
  public let path: String
  public let message: String

  public init(_ path: String, _ message: String) {
    self.path = path
    self.message = message
  }

  /// The error that `errno` tells of, as in `cannot open: No such file or directory`.
  public init(_ path: String, errno code: Int32, doing action: String) {
    self.init(path, "cannot \(action): \(String(cString: strerror(code)))")
  }

  /// `in.npz: cannot open: No such file or directory`.
  public var description: String { "\(path): \(message)" }
}
