import GraphRuntime

/// Tensors by name, in the order of the file.
public struct NamedTensors: Sendable {
  public private(set) var names: [String] = []
  private var tensors: [String: Tensor] = [:]

  public init() {}

  /// The tensor of that name; nil where there is none.
  public subscript(name: String) -> Tensor? { tensors[name] }

  /// The tensors by name.
  public var dictionary: [String: Tensor] { tensors }

  /// Adds a tensor behind the others; returns false, and does nothing, where the name is taken.
  @discardableResult
  public mutating func append(_ tensor: Tensor, named name: String) -> Bool {
    guard tensors[name] == nil else { return false }
    tensors[name] = tensor
    names.append(name)
    return true
  }
}

extension NamedTensors: RandomAccessCollection {
  public var startIndex: Int { names.startIndex }
  public var endIndex: Int { names.endIndex }
  public subscript(position: Int) -> (name: String, tensor: Tensor) {
    (names[position], tensors[names[position]]!)
  }
}

extension NamedTensors: ExpressibleByDictionaryLiteral {
  /// - Precondition: no name comes twice.
  public init(dictionaryLiteral elements: (String, Tensor)...) {
    for (name, tensor) in elements { precondition(append(tensor, named: name), "'\(name)' twice") }
  }
}
