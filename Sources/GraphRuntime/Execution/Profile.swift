import Synchronization

/// How long the steps of a session's planned runs took.
public struct Profile: Sendable {
  /// One step of one plan, over all runs.
  public struct Step: Sendable {
    public let description: StepDescription
    public internal(set) var runs = 0
    /// Of all runs together.
    public internal(set) var nanoseconds: UInt64 = 0
    /// Of the fastest run.
    public internal(set) var fastest = UInt64.max
  }

  /// One step of one run, in nanoseconds of the system's monotonic clock.
  public struct Event: Sendable {
    public let description: StepDescription
    public let start: UInt64
    public let duration: UInt64
  }

  /// In the order of the plans and of their steps.
  public internal(set) var steps: [Step] = []
  /// The events of the last run.
  public internal(set) var events: [Event] = []

  /// Nanoseconds of all steps together.
  public var nanoseconds: UInt64 { steps.reduce(0) { $0 + $1.nanoseconds } }
}

/// Gathers the times of a session's runs.
final class ProfileRecorder: Sendable {
  fileprivate struct State {
    var plans: [ObjectIdentifier: Range<Int>] = [:]
    /// Keeps the plans, so that their identities stay theirs.
    var kept: [Plan] = []
    var profile = Profile()
  }

  private let state = Mutex(State())

  var profile: Profile { state.withLock { $0.profile } }

  /// Adds one run of `plan`: the start and the end of each of its steps.
  func add(_ plan: Plan, _ times: [(start: UInt64, end: UInt64)]) {
    state.withLock { state in
      let range = state.range(of: plan)
      for (index, time) in zip(range, times) {
        let duration = time.end - time.start
        state.profile.steps[index].runs += 1
        state.profile.steps[index].nanoseconds += duration
        state.profile.steps[index].fastest = min(state.profile.steps[index].fastest, duration)
      }
      state.profile.events = zip(plan.steps, times).map {
        Profile.Event(description: $0, start: $1.start, duration: $1.end - $1.start)
      }
    }
  }
}

extension ProfileRecorder.State {
  fileprivate mutating func range(of plan: Plan) -> Range<Int> {
    if let range = plans[ObjectIdentifier(plan)] { return range }
    let first = profile.steps.count
    profile.steps += plan.steps.map { Profile.Step(description: $0) }
    plans[ObjectIdentifier(plan)] = first..<profile.steps.count
    kept.append(plan)
    return first..<profile.steps.count
  }
}
