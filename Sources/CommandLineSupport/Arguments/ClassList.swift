import ArgumentParser
import ONNXParse

/// Names of classes, or their number: the argument of `--classes`.
public enum ClassList: Sendable, Hashable {
  case count(Int)
  case names([String])

  /// Reads the argument: a number, or a text file of one name a line.
  /// - Throws: `FileError` where the file can't be read or is no such list.
  public init(_ argument: String) throws {
    if let count = Int(argument) {
      guard count > 0 else { throw ValidationError("--classes must be a positive number or a file of names") }
      self = .count(count)
      return
    }
    let bytes = try ByteRegion(contentsOf: argument)
    guard bytes.count <= 16 << 20 else { throw FileError(argument, "is too large for a list of class names") }
    let text = bytes.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
    guard let text else { throw FileError(argument, "is not text in UTF-8") }
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .map(\.trimmed)
    while lines.last?.isEmpty == true { lines.removeLast() }
    guard !lines.isEmpty else { throw FileError(argument, "holds no class names") }
    self = .names(Self.withoutSynsets(lines))
  }

  /// ImageNet's lists have lines like `n02123045 tabby, tabby cat`: of those the first name is kept.
  private static func withoutSynsets(_ lines: [String]) -> [String] {
    let names = lines.map { line -> String? in
      let parts = line.split(separator: " ", maxSplits: 1)
      guard parts.count == 2, parts[0].count == 9, parts[0].first == "n",
        parts[0].dropFirst().allSatisfy(\.isNumber)
      else { return nil }
      return parts[1].split(separator: ",").first.map(String.init)
    }
    let kept = names.compactMap { $0 }
    return kept.count == lines.count ? kept : lines
  }

  public var names: [String]? { if case .names(let names) = self { names } else { nil } }
  public var count: Int { if case .count(let count) = self { count } else { names?.count ?? 0 } }
}
