extension String {
  /// All but the last part of a path; `.` where there is one part only.
  var parentFolder: String {
    guard let slash = lastIndex(of: "/") else { return "." }
    return slash == startIndex ? "/" : String(self[..<slash])
  }

  /// The last part of a path.
  var lastPathPart: String { lastIndex(of: "/").map { String(self[index(after: $0)...]) } ?? self }

  /// The path of `name` in the same folder.
  func sibling(named name: String) -> String {
    parentFolder == "/" ? "/\(name)" : "\(parentFolder)/\(name)"
  }
}
