import ONNXParse

extension Graph {
  /// Finds the type of every value, subgraphs included: element types, shapes in numbers and symbols.
  ///
  /// Walks the nodes in order and asks each operator's rule. A declared type stays where the rule knows less, and is
  /// an error where it says otherwise. Nodes that can't run (an operator that is not there, a wrong number of
  /// inputs, types that don't fit) are all reported in one error; what only depends on them is not.
  ///
  /// - Parameters:
  ///   - registry: the operators there are.
  ///   - inputTypes: types for graph inputs in place of the declared ones, which they must fit. A symbol of a declared
  ///     shape stands for one number everywhere: this specialises the graph to concrete shapes.
  /// - Returns: what is known of the integers that flow through the graph as shapes.
  /// - Throws: `GraphError` that lists all nodes that can't run; the graph is then unchanged.
  @discardableResult
  public mutating func inferTypes(
    registry: OperatorRegistry = .standard, overriding inputTypes: [Value.ID: TensorType] = [:]
  ) throws -> ShapeValues {
    try inferTypes(registry: registry, overriding: inputTypes, trustingDeclarations: true)
  }

  /// The same; where `trustsDeclarations` is false, the declared type of what a node makes is only held against the inferred
  /// one and never completes it: memory is not planned by what a file claims.
  mutating func inferTypes(
    registry: OperatorRegistry, overriding inputTypes: [Value.ID: TensorType],
    trustingDeclarations trustsDeclarations: Bool
  ) throws -> ShapeValues {
    var binding = SymbolBinding(of: self)
    for id in inputs {
      if let given = inputTypes[id] { try binding.bind(self[id].name, declared: self[id].type, given: given) }
    }
    let walk = InferenceWalk(
      registry: registry, opsets: opsets, binding: binding, trustsDeclarations: trustsDeclarations)
    let types = inputTypes.mapValues(ValueType.tensor)
    let result = walk.infer(self, given: Knowledge(types: types))
    if let error = GraphError(listing: walk.errors) { throw error }
    self = result.graph
    return result.knowledge.shapeValues(in: self)
  }
}

/// Integers known without running the graph: shapes on their way from Shape to Reshape.
public struct ShapeValues: Sendable {
  /// The elements of integer values, as far as they are known as dimensions.
  public let dimensions: [Value.ID: [Dimension]]
  /// The values of which every element is a number, initializers not included.
  public let constants: [Value.ID: Tensor]
}

/// What is known of a graph's values while its types are inferred.
struct Knowledge {
  var types: [Value.ID: ValueType] = [:]
  var constants: [Value.ID: Tensor] = [:]
  var shapeValues: [Value.ID: [Dimension]] = [:]
  /// Values that follow from a node that can't run: nothing is known of them, and nothing said about them.
  var tainted: Set<Value.ID> = []

  func shapeValues(in graph: Graph) -> ShapeValues {
    let made = Set(graph.nodes.flatMap { $0.outputs.compactMap(\.self) })
    return ShapeValues(
      dimensions: shapeValues.filter { made.contains($0.key) },
      constants: constants.filter { made.contains($0.key) })
  }

  /// Notes a constant, and its elements as dimensions where it may serve as a shape.
  mutating func note(_ id: Value.ID, constant: Tensor) {
    constants[id] = constant
    types[id] = .tensor(constant.type)
    if constant.isShapeLike, let integers = constant.integers {
      shapeValues[id] = integers.map(Dimension.fixed)
    }
  }

  /// Notes the integers of a value; where all are numbers, it is a constant. What can't be the value's elements (another
  /// number of them, or a type in which arithmetic on them may have wrapped) is not taken.
  mutating func note(_ id: Value.ID, dimensions: [Dimension]) {
    guard let type = types[id]?.tensor else { return }
    let shape = type.concreteShape
    if let count = shape?.elementCount, count != dimensions.count { return }
    switch type.elementType {
    case .int64, .bool: break
    case .int32:
      guard dimensions.compactMap(\.value).allSatisfy({ Int32(exactly: $0) != nil }) else { return }
    default: return
    }
    shapeValues[id] = dimensions
    guard let shape, let numbers = dimensions.concrete else { return }
    switch type.elementType {
    case .int64: constants[id] = Tensor(numbers.map(Int64.init), shape: shape)
    case .int32: constants[id] = Tensor(numbers.map { Int32($0) }, shape: shape)
    default: break
    }
  }
}

extension Tensor {
  /// Whether the tensor is small and flat enough to be taken for a list of dimensions.
  fileprivate var isShapeLike: Bool { shape.count <= 1 && count <= 1024 }
}

extension GraphError {
  /// More errors than anybody reads.
  private static let longestList = 200

  /// One error for all of `errors`: itself where it is one, a list where there are more; nil where there is none.
  init?(listing errors: [GraphError]) {
    guard let first = errors.first else { return nil }
    if errors.count == 1 {
      self = first
    } else {
      let list = errors.prefix(Self.longestList).map(\.description).joined(separator: "; ")
      let rest = errors.count > Self.longestList ? "; and \(errors.count - Self.longestList) more" : ""
      self.init(first.category, "\(errors.count) nodes can't run: \(list)\(rest)")
    }
  }
}
