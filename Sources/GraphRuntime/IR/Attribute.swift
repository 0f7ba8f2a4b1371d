/// The value of a node's attribute.
public enum Attribute: Sendable {
  case int(Int)
  case ints([Int])
  case float(Float)
  case floats([Float])
  case string(String)
  case strings([String])
  case tensor(Tensor)
  case tensors([Tensor])
  case graph(Subgraph)
  case graphs([Subgraph])
  case type(ValueType)
  case types([ValueType])
}

/// A graph inside a node (the body of Loop, a branch of If), with the values it takes from around it.
public struct Subgraph: Sendable {
  /// Deeper nesting of control flow than any model has.
  static let deepestNesting = 64

  public var graph: Graph
  /// Values of the enclosing graph that the body reads, and the body's own values that stand for them.
  public var captures: [Capture]

  public struct Capture: Sendable, Hashable {
    public var outer: Value.ID
    public var inner: Value.ID

    public init(outer: Value.ID, inner: Value.ID) {
      self.outer = outer
      self.inner = inner
    }
  }

  public init(graph: Graph, captures: [Capture]) {
    self.graph = graph
    self.captures = captures
  }
}

extension Attribute {
  public var int: Int? { if case .int(let value) = self { value } else { nil } }
  public var ints: [Int]? { if case .ints(let value) = self { value } else { nil } }
  public var float: Float? { if case .float(let value) = self { value } else { nil } }
  public var floats: [Float]? { if case .floats(let value) = self { value } else { nil } }
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var strings: [String]? { if case .strings(let value) = self { value } else { nil } }
  public var tensor: Tensor? { if case .tensor(let value) = self { value } else { nil } }
  public var graph: Subgraph? { if case .graph(let value) = self { value } else { nil } }
  public var type: ValueType? { if case .type(let value) = self { value } else { nil } }

  /// The subgraphs the attribute holds.
  public var subgraphs: [Subgraph] {
    switch self {
    case .graph(let graph): [graph]
    case .graphs(let graphs): graphs
    default: []
    }
  }
}
