import Foundation

/// What the user sees besides results: notes and progress, on standard error.
public enum Terminal {
  /// Whether standard error is a terminal that shows progress.
  static let showsProgress =
    isatty(STDERR_FILENO) == 1 && getenv("TERM").map { String(cString: $0) } != "dumb"

  static func writeError(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  /// Prints a line about what is going on.
  public static func note(_ text: String) { writeError(text + "\n") }
}
