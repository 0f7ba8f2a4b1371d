import GraphRuntime
import ONNXParse

/// How a model is run, whatever it is run on.
public struct RunSettings: Sendable {
  public var session: Session.Options
  /// Where the trace of the last run goes.
  public var profile: String?

  public init(session: Session.Options = Session.Options(), profile: String? = nil) {
    self.session = session
    self.session.profile = profile != nil
    self.profile = profile
  }

  /// Throws where the trace can't be written.
  func check() throws { if let profile { try OutputFile.check(profile) } }

  /// Writes the trace, and prints where the time went, on standard error.
  func finish(_ session: Session) throws {
    guard let profile else { return }
    let measured = session.profile
    try AtomicFile.write(to: profile) { try $0.write(Array(measured.chromeTrace.utf8)) }
    Terminal.note(measured.table)
  }
}
