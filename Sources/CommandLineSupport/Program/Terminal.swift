import Glibc

/// What the user sees besides results: notes and progress, on standard error.
public enum Terminal {
  /// Whether standard error is a terminal that shows progress.
  static let showsProgress =
    isatty(STDERR_FILENO) == 1 && getenv("TERM").map { String(cString: $0) } != "dumb"

  /// How many characters a line of the terminal holds.
  static var columns: Int {
    var size = winsize()
    return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }

  static func writeError(_ text: String) { _ = StandardStream.write(text, to: STDERR_FILENO) }

  /// Prints a line about what is going on.
  public static func note(_ text: String) { writeError(text + "\n") }
}
