/// Why a graph can't be imported, changed, planned or run: what went wrong, where, and with which types.
public struct GraphError: Error, Sendable, Hashable {
  public enum Category: String, Sendable {
    case invalidTensor, invalidGraph, invalidAttribute, invalidInput
    case unsupportedOperator, unsupportedType, unsupportedOpset
    case shapeMismatch, limitExceeded, invalidFile
    /// A kernel needs the elements of an input while it is prepared: the node can run node by node, but not in a plan.
    case unknownValue
  }

  public let category: Category
  /// The node concerned: its name and operator, the enclosing nodes of a subgraph first.
  public private(set) var path: [String]
  /// One sentence that names the values, types and shapes concerned, and what to do.
  public let message: String

  public init(_ category: Category, _ message: String, path: [String] = []) {
    self.category = category
    self.message = message
    self.path = path
  }

  /// The same error, found inside `node`.
  public func inside(_ node: Node) -> GraphError { inside(node.label) }

  /// The same error, found inside the node or file labelled `label`.
  public func inside(_ label: String) -> GraphError {
    var error = self
    error.path.insert(label, at: 0)
    return error
  }
}

extension GraphError: CustomStringConvertible {
  /// `conv1 (Conv): weight 'W' has 3 input channels, but its input has 4 [1,4,224,224]`.
  public var description: String { (path + [message]).joined(separator: ": ") }
}
