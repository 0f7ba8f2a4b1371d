/// One rewriting of a graph: looks for a pattern and proposes a patch that leaves every output as it was.
public protocol Pass: Sendable {
  /// The name that reports and `--info` show.
  var name: String { get }

  /// The change to make to `graph`, whose types are inferred; an empty patch where the pattern is nowhere.
  /// - Throws: `GraphError` where a constant can't be computed.
  func patch(for graph: Graph) throws -> GraphPatch

  /// The same, for a pass that looks at the integers type inference found on their way through the graph.
  func patch(for graph: Graph, known: ShapeValues) throws -> GraphPatch
}

extension Pass {
  public func patch(for graph: Graph, known: ShapeValues) throws -> GraphPatch { try patch(for: graph) }
}

/// What a pass did to a graph.
public struct PassReport: Sendable, Hashable, Codable {
  public let name: String
  /// How many times it found its pattern.
  public var changes: Int

  public init(name: String, changes: Int) {
    self.name = name
    self.changes = changes
  }
}

/// How far to optimise.
public enum OptimizationLevel: String, Sendable, CaseIterable {
  /// The graph as it was imported.
  case none
  /// What keeps to standard operators.
  case basic
  /// Fused operators of the runtime's own as well.
  case all
}
