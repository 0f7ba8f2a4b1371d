import Synchronization

/// Executions that wait for the next run of their plan: some for each plan, and no more memory in all than one run of
/// the newest needs, or than is worth a thought.
final class IdleExecutions: Sendable {
  /// How many are kept of one plan: as many as threads that usually share a session.
  private static let mostOfOnePlan = 4
  /// Arenas of this many bytes together are always kept.
  private let allowance: Int
  /// Least recently used first.
  private let waiting = Mutex<[Execution]>([])

  init(allowance: Int = 64 << 20) { self.allowance = allowance }

  /// An execution of `plan` that nobody uses, which is the caller's until he gives it back; nil where there is none.
  func take(for plan: Plan) -> Execution? {
    waiting.withLock { waiting in
      waiting.lastIndex { $0.plan === plan }.map { waiting.remove(at: $0) }
    }
  }

  /// Keeps an execution for the next run, and lets go of the oldest that are too much beside it.
  func keep(_ execution: Execution) {
    waiting.withLock { waiting in
      guard waiting.count(where: { $0.plan === execution.plan }) < Self.mostOfOnePlan else { return }
      waiting.append(execution)
      let limit = max(allowance, execution.arenaBytes)
      var total = waiting.reduce(0) { $0 + $1.arenaBytes }
      while total > limit { total -= waiting.removeFirst().arenaBytes }
    }
  }

  /// Lets go of all executions of a plan.
  func forget(_ plan: Plan) { waiting.withLock { $0.removeAll { $0.plan === plan } } }

  /// Bytes of the arenas that wait.
  var arenaBytes: Int { waiting.withLock { $0.reduce(0) { $0 + $1.arenaBytes } } }
}
