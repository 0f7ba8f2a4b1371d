/// An operator's name: its domain (empty for ONNX's own) and its type.
public struct OperatorName: Sendable, Hashable {
  public var domain: String
  public var type: String

  public init(_ type: String, domain: String = "") {
    self.type = type
    self.domain = domain == "ai.onnx" ? "" : domain
  }

  /// The domain of the operators that only passes make (fused and re-laid forms); they never reach an ONNX file.
  public static let internalDomain = "csn"
}

extension OperatorName: CustomStringConvertible, ExpressibleByStringLiteral {
  public init(stringLiteral type: String) { self.init(type) }
  public var description: String { domain.isEmpty ? type : "\(domain).\(type)" }
}

/// One application of an operator, in the newest opset's meaning.
public struct Node: Sendable, Identifiable {
  public struct ID: Sendable, Hashable, Comparable {
    public let rawValue: Int
    public static func < (a: ID, b: ID) -> Bool { a.rawValue < b.rawValue }
  }

  public let id: ID
  /// The name from the model, or one made from the operator; for messages, not for reference.
  public var name: String
  public var op: OperatorName
  /// nil where an optional input is left out.
  public var inputs: [Value.ID?]
  /// nil where an optional output is not asked for.
  public var outputs: [Value.ID?]
  public var attributes: [String: Attribute]

  /// `conv1 (Conv)`.
  public var label: String { name.isEmpty ? "(\(op))" : "\(name) (\(op))" }

  /// The input at `index`; nil where it is left out or beyond the last.
  public func input(_ index: Int) -> Value.ID? { inputs.indices.contains(index) ? inputs[index] : nil }

  /// The output at `index`; nil where it is left out or beyond the last.
  public func output(_ index: Int) -> Value.ID? { outputs.indices.contains(index) ? outputs[index] : nil }

  /// Every value the node reads: its inputs, and what its subgraphs capture.
  public var reads: [Value.ID] {
    inputs.compactMap(\.self)
      + attributes.values.flatMap(\.subgraphs).flatMap(\.captures).map(\.outer)
  }
}

/// An edge of the graph: an input, an initializer, or the output of one node.
public struct Value: Sendable, Identifiable {
  public struct ID: Sendable, Hashable, Comparable {
    public let rawValue: Int
    public static func < (a: ID, b: ID) -> Bool { a.rawValue < b.rawValue }
  }

  public let id: ID
  /// Unique in the graph; for inputs and outputs it is part of the interface.
  public var name: String
  /// nil until known.
  public var type: ValueType?
}
