/// The manifest of cases that are not expected to pass, each with the reason. A case listed here that passes is a
/// failure too: the list must shrink then.
enum ExpectedFailures {
  /// Why a case is not expected to pass.
  enum Reason: String {
    case randomNumbers =
      "the expected output was drawn from NumPy's random numbers, which the standard doesn't fix"
  }

  static let cases: [String: Reason] = [:]

  /// The reason for `name`, if it is listed.
  static func reason(for name: String) -> Reason? { cases[name] }
}
