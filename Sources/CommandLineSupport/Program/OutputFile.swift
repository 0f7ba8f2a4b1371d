import Glibc
import ONNXParse

/// A file that is to be written, and the option that names it.
struct OutputFile {
  let option: String
  let path: String

  init(_ option: String, _ path: String) {
    self.option = option
    self.path = path
  }

  /// Throws where a file can't be written, so that no work is done for nothing, where it is one of `inputs`, and where
  /// two of `files` are one.
  static func check(_ files: [OutputFile], notReplacing inputs: [String]) throws {
    let inputs = Set(inputs.compactMap(Identity.init))
    var seen: [Identity: String] = [:]
    for file in files {
      try file.check()
      guard let identity = Identity(file.path) else { continue }
      guard !inputs.contains(identity) else {
        throw CommandLineError(
          "the result would replace \(file.path), which is an input; name it with \(file.option)")
      }
      if let other = seen.updateValue(file.option, forKey: identity) {
        throw CommandLineError("\(other) and \(file.option) name one file, \(file.path)")
      }
    }
  }

  /// Writes results, none of which takes its name before all are whole.
  ///
  /// They are not waited for until the disk has them: a disk may take longer than making them again, while a converted
  /// model is kept and served for long.
  static func write(_ results: [AtomicFile.Part]) throws {
    try AtomicFile.write(results, durability: .complete)
  }

  private func check() throws {
    var status = stat()
    if stat(path, &status) == 0 {
      if status.st_mode & S_IFMT == S_IFDIR { throw FileError(path, "is a directory") }
      if status.st_mode & S_IFMT != S_IFREG { return }
    }
    guard access(path.parentFolder, W_OK | X_OK) == 0 else {
      throw FileError(path, errno: errno, doing: "write")
    }
  }

  /// What makes two paths one file.
  private enum Identity: Hashable {
    case file(device: UInt64, inode: UInt64)
    /// Of a file that is not there yet: its folder, and its name in it.
    case name(device: UInt64, folder: UInt64, name: String)

    /// nil for pipes and devices, which nothing replaces.
    init?(_ path: String) {
      var status = stat()
      if stat(path, &status) == 0 {
        guard status.st_mode & S_IFMT == S_IFREG else { return nil }
        self = .file(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
      } else {
        guard stat(path.parentFolder, &status) == 0 else { return nil }
        self = .name(
          device: UInt64(status.st_dev), folder: UInt64(status.st_ino),
          name: path.lastPathPart)
      }
    }
  }
}
