/// The driver of the passes: runs them in order, applies their patches, validates, until nothing changes.
public struct Optimizer: Sendable {
  public let passes: [any Pass]

  /// A round can set up patterns for passes before it, rarely more than twice.
  private static let maximumRounds = 8

  /// The passes of a level, in the order in which they help one another.
  public init(level: OptimizationLevel) {
    let simplifying: [any Pass] = [
      ConstantFolding(), NoOpElimination(), TransposeCancellation(), CommonSubexpressions(),
      DeadCodeElimination(),
      PadFolding(), AffineFolding(), MatMulAddFusion(),
    ]
    switch level {
    case .none: passes = []
    case .basic: passes = simplifying
    case .all: passes = simplifying + [ConvolutionFusion(), EdgePadFolding(), SiblingMerge(), TwinBatching()]
    }
  }

  /// Passes of the caller's choice.
  public init(passes: [any Pass]) { self.passes = passes }

  /// Whether all its passes went through `graph` before.
  public func isDone(on graph: Graph) -> Bool {
    Set(passes.map(\.name)).isSubset(of: graph.passReports.map(\.name))
  }

  /// Optimises `graph`; inputs and outputs keep their names and order.
  /// - Returns: what each pass did, in the order of the passes.
  /// - Throws: `GraphError` when types can't be inferred or a pass fails; the graph is then unchanged.
  @discardableResult
  public func run(_ graph: inout Graph) throws -> [PassReport] {
    guard !passes.isEmpty else { return [] }
    var typed = graph
    let known = try typed.inferTypes()
    let reports = try run(&typed, known: known)
    graph = typed
    return reports
  }

  /// Optimises a graph whose types are inferred; `known` is what inference found besides.
  func run(_ graph: inout Graph, known: ShapeValues) throws -> [PassReport] {
    var result = graph
    var known = known
    var reports = passes.map { PassReport(name: $0.name, changes: 0) }
    for _ in 0..<Self.maximumRounds {
      var changed = false
      for (index, pass) in passes.enumerated() {
        let patch = try pass.patch(for: result, known: known)
        if patch.isEmpty { continue }
        try result.apply(patch)
        known = try result.inferTypes()
        reports[index].changes += patch.changes
        changed = true
      }
      if !changed { break }
    }
    graph = result
    return reports
  }
}
