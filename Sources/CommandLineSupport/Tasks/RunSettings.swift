import GraphRuntime
import ONNXParse

/// How a model is run, whatever it is run on.
public struct RunSettings: Sendable {
  public var session: Session.Options
  public var precision: Precision
  /// Where the trace goes.
  public var profile: String?

  public init(
    session: Session.Options = Session.Options(), precision: Precision = .f32, profile: String? = nil
  ) {
    self.session = session
    self.session.profile = profile != nil
    self.session.precision = precision == .bf16 ? .bfloat16 : .float32
    self.precision = precision
    self.profile = profile
  }

  /// What is written besides the results.
  var outputs: [OutputFile] { profile.map { [OutputFile("--profile", $0)] } ?? [] }

  /// The most memory that a run and what goes into it may take.
  var memory: Int { session.maxMemory ?? SystemMemory.available }

  /// The trace, to be written with the results.
  func parts(_ session: Session) -> [AtomicFile.Part] {
    guard let profile else { return [] }
    let trace = session.profile.chromeTrace
    return [AtomicFile.Part(profile) { try $0.write(Array(trace.utf8)) }]
  }

  /// Prints where the time went, on standard error.
  func tell(_ session: Session) {
    if profile != nil { Terminal.note(session.profile.table) }
  }
}
