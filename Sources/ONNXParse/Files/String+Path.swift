/// Paths as text.
extension String {
  /// All but the last part of a path; `.` where there is one part only.
  package var parentFolder: String {
    guard let slash = lastIndex(of: "/") else { return "." }
    return slash == startIndex ? "/" : String(self[..<slash])
  }

  /// The last part of a path.
  package var lastPathPart: String { lastIndex(of: "/").map { String(self[index(after: $0)...]) } ?? self }

  /// What follows the last dot of a file's name; empty where there is none, or nothing before it.
  package var pathExtension: String { extensionDot.map { String(self[index(after: $0)...]) } ?? "" }

  /// The path without the extension of the file's name.
  package var deletingPathExtension: String { extensionDot.map { String(self[..<$0]) } ?? self }

  private var extensionDot: Index? {
    let name = lastIndex(of: "/").map(index(after:)) ?? startIndex
    return self[name...].lastIndex(of: ".").flatMap { $0 > name ? $0 : nil }
  }

  /// The path of `name` in the same folder.
  func sibling(named name: String) -> String {
    parentFolder == "/" ? "/\(name)" : "\(parentFolder)/\(name)"
  }
}
