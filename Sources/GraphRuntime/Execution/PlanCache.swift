import Synchronization

/// The plans a session made, by input shapes and outputs: the most recently used few, each with idle executions.
final class PlanCache: Sendable {
  struct Key: Hashable {
    /// nil for inputs that are not needed.
    let inputs: [[Int]?]
    let outputs: [Value.ID]
  }

  /// How many plans are kept: image sizes, batch sizes and output choices that one program alternates between.
  private static let capacity = 8

  fileprivate struct State {
    var plans: [Key: CachedPlan] = [:]
    /// Least recently used first.
    var order: [Key] = []
  }

  private let state = Mutex(State())

  /// The plan for `key`; made, outside the lock, where there is none yet.
  func plan(for key: Key, make: () throws -> Plan) rethrows -> CachedPlan {
    if let known = state.withLock({ $0.use(key) }) { return known }
    let made = CachedPlan(try make())
    return state.withLock { state in
      // Another thread may have been faster.
      if let known = state.use(key) { return known }
      state.plans[key] = made
      state.order.append(key)
      if state.order.count > Self.capacity { state.plans[state.order.removeFirst()] = nil }
      return made
    }
  }
}

extension PlanCache.State {
  fileprivate mutating func use(_ key: PlanCache.Key) -> CachedPlan? {
    guard let plan = plans[key] else { return nil }
    if order.last != key, let position = order.firstIndex(of: key) {
      order.remove(at: position)
      order.append(key)
    }
    return plan
  }
}

/// A plan with executions that wait for the next run.
final class CachedPlan: Sendable {
  let plan: Plan
  /// How many idle executions are kept: as many as threads that usually share a session.
  private static let capacity = 4
  private let idle = Mutex<[Execution]>([])

  init(_ plan: Plan) { self.plan = plan }

  /// Calls `body` with an execution that nobody else uses meanwhile.
  func withExecution<Result>(_ frozen: FrozenPlan, _ body: (Execution) throws -> Result) rethrows -> Result {
    let execution = idle.withLock { $0.popLast() } ?? Execution(plan, frozen)
    defer { idle.withLock { if $0.count < Self.capacity { $0.append(execution) } } }
    return try body(execution)
  }
}
