import Synchronization

/// How long the steps of a session's runs took.
public struct Profile: Sendable {
  /// One step of one plan, or one node of an interpreted graph, over all runs.
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
  /// The events of each plan's last run, and of the last interpreted one, in the order of time.
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
    var interpreted: [InterpretedNode: Int] = [:]
    var steps: [Profile.Step] = []
    /// By plan; nil for the interpreter.
    var lastRuns: [ObjectIdentifier?: [Profile.Event]] = [:]
  }

  fileprivate struct InterpretedNode: Hashable {
    let name: String
    let signature: String
  }

  private let state = Mutex(State())

  var profile: Profile {
    state.withLock { state in
      Profile(
        steps: state.steps, events: state.lastRuns.values.flatMap(\.self).sorted { $0.start < $1.start })
    }
  }

  /// Adds one run of `plan`: the start and the end of each of its steps.
  func add(_ plan: Plan, _ times: [(start: UInt64, end: UInt64)]) {
    state.withLock { state in
      let range = state.range(of: plan)
      state.lastRuns[ObjectIdentifier(plan)] = zip(range, times).map { index, time in
        state.record(index, start: time.start, end: time.end)
      }
    }
  }

  /// Adds one run of a graph that the interpreter ran: its nodes, with the start and the end of each.
  func add(_ nodes: [Interpreter.Trace.Entry]) {
    state.withLock { state in
      state.lastRuns[nil] = nodes.map { node in
        state.record(state.index(of: node.description), start: node.start, end: node.end)
      }
    }
  }
}

extension ProfileRecorder.State {
  fileprivate mutating func range(of plan: Plan) -> Range<Int> {
    if let range = plans[ObjectIdentifier(plan)] { return range }
    let first = steps.count
    steps += plan.steps.map { Profile.Step(description: $0) }
    plans[ObjectIdentifier(plan)] = first..<steps.count
    kept.append(plan)
    return first..<steps.count
  }

  fileprivate mutating func index(of description: StepDescription) -> Int {
    let node = ProfileRecorder.InterpretedNode(name: description.node, signature: description.signature)
    if let index = interpreted[node] { return index }
    steps.append(Profile.Step(description: description))
    interpreted[node] = steps.count - 1
    return steps.count - 1
  }

  /// Counts one run of a step.
  fileprivate mutating func record(_ index: Int, start: UInt64, end: UInt64) -> Profile.Event {
    let duration = end - start
    steps[index].runs += 1
    steps[index].nanoseconds += duration
    steps[index].fastest = min(steps[index].fastest, duration)
    return Profile.Event(description: steps[index].description, start: start, duration: duration)
  }
}
