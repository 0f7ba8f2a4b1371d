import Synchronization

/// The plans a session made, by input shapes and outputs: the most recently used few, with idle executions.
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
  let idle = IdleExecutions()

  /// The plan for `key`; made, outside the lock, where there is none yet.
  func plan(for key: Key, make: () throws -> Plan) rethrows -> CachedPlan {
    if let known = state.withLock({ $0.use(key) }) { return known }
    let made = CachedPlan(try make(), idle)
    return state.withLock { state in
      // Another thread may have been faster.
      if let known = state.use(key) { return known }
      state.plans[key] = made
      state.order.append(key)
      if state.order.count > Self.capacity,
        let dropped = state.plans.removeValue(forKey: state.order.removeFirst())
      {
        idle.forget(dropped.plan)
        if case .interpreted(_, let segment?) = dropped.plan.body { idle.forget(segment.plan) }
      }
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

/// A plan, and where its executions wait for the next run.
final class CachedPlan: Sendable {
  let plan: Plan
  private let idle: IdleExecutions

  init(_ plan: Plan, _ idle: IdleExecutions) {
    self.plan = plan
    self.idle = idle
  }

  /// Calls `body` with an execution of the plan, or of its planned segment, that nobody else uses meanwhile.
  func withExecution<Result>(
    _ frozen: FrozenPlan, of segment: Plan? = nil, _ body: (Execution) throws -> Result
  ) rethrows -> Result {
    let plan = segment ?? plan
    let execution = idle.take(for: plan) ?? Execution(plan, frozen)
    defer { idle.keep(execution) }
    return try body(execution)
  }
}
