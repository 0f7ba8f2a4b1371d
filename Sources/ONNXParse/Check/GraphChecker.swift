/// Checks one graph: its interface, its initializers, and its nodes in their order.
struct GraphChecker {
  private let graph: GraphProto
  private let context: CheckContext
  private let isMain: Bool

  init(_ graph: GraphProto, _ context: CheckContext, isMain: Bool = false) {
    self.graph = graph
    self.context = context
    self.isMain = isMain
  }

  /// Checks the graph; its names go to `scope`.
  func check(in scope: Scope) throws {
    guard !graph.name.isEmpty else { throw ONNXError(.field, "the graph has no name; any will do") }
    try checkInputs(scope)
    try checkInitializers(scope)
    try NodesChecker(graph.nodes, context).check(in: scope)
    try checkOutputs(scope)
  }

  private func checkInputs(_ scope: Scope) throws {
    for (index, input) in graph.inputs.enumerated() {
      try located("input[\(index)]") {
        try check(input)
        guard scope.add(input.name) else {
          throw ONNXError(.graph, "'\(input.name)' is an input twice; names must be unique")
        }
      }
    }
  }

  private func checkOutputs(_ scope: Scope) throws {
    for (index, output) in graph.outputs.enumerated() {
      try located("output[\(index)]") {
        try check(output)
        guard scope.names.contains(output.name) else {
          throw ONNXError(.graph, "no node, input or initializer of the graph makes '\(output.name)'")
        }
      }
    }
  }

  private func check(_ value: ValueInfoProto) throws {
    guard !value.name.isEmpty else { throw ONNXError(.field, "the value has no name") }
    // Inputs and outputs of inner graphs may leave their types to inference.
    guard isMain else { return }
    guard let type = value.type else { throw ONNXError(.field, "'\(value.name)' has no type") }
    try located("'\(value.name)'") { try type.check() }
  }

  private func checkInitializers(_ scope: Scope) throws {
    var seen: Set<String> = []
    func enter(_ name: String) throws {
      guard !name.isEmpty else { throw ONNXError(.field, "the initializer has no name") }
      guard seen.insert(name).inserted else {
        throw ONNXError(.graph, "'\(name)' is an initializer twice; names must be unique")
      }
      guard context.irVersion >= 4 || scope.names.contains(name) else {
        throw ONNXError(
          .graph,
          "initializer '\(name)' is not a graph input, as IR version \(context.irVersion) asks; "
            + "raise ir_version to 4 or more")
      }
      scope.add(name)
    }
    for (index, tensor) in graph.initializers.enumerated() {
      try located("initializer[\(index)] \(tensor.name)") {
        try enter(tensor.name)
        try tensor.check(context)
      }
    }
    for (index, tensor) in graph.sparseInitializers.enumerated() {
      try located("sparse_initializer[\(index)] \(tensor.values?.name ?? "")") {
        try enter(tensor.values?.name ?? "")
        try tensor.check(context)
      }
    }
  }
}

extension TypeProto {
  /// Checks that the type says what it is of.
  func check() throws {
    switch value {
    case .none: throw ONNXError(.field, "the type is empty")
    case .tensor(let tensor), .sparseTensor(let tensor):
      guard ElementType(rawValue: tensor.elementType) != nil else {
        throw ONNXError(.field, "element type \(tensor.elementType) is unknown")
      }
    case .sequence(let sequence): try Self.check(sequence.element, "sequence")
    case .optional(let optional): try Self.check(optional.element, "optional")
    case .map(let map):
      guard ElementType(rawValue: map.keyType)?.isMapKey ?? false else {
        throw ONNXError(.field, "key type \(map.keyType) of the map is neither an integer type nor string")
      }
      try Self.check(map.value, "map")
    case .opaque(let opaque):
      guard !opaque.name.isEmpty else { throw ONNXError(.field, "the opaque type has no name") }
    }
  }

  private static func check(_ element: TypeProto?, _ container: String) throws {
    guard let element else { throw ONNXError(.field, "the \(container) type does not say of what") }
    try element.check()
  }
}

extension ElementType {
  /// Whether a map may have keys of this type.
  fileprivate var isMapKey: Bool {
    switch self {
    case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .string: true
    default: false
    }
  }
}
