import ONNXParse

/// A graph cut down to the outputs asked for and specialised to concrete input types: shapes are numbers as far as
/// they follow from the inputs' shapes, and what follows from constants alone is a constant.
struct Specialization {
  private(set) var graph: Graph
  /// Nodes that can't be planned: their shapes depend on data, or they work on other things than tensors.
  private(set) var dynamicNodes: Set<Node.ID> = []

  private let registry: OperatorRegistry

  /// - Throws: `GraphError` where the given types don't fit the graph.
  init(
    _ graph: Graph, inputTypes: [Value.ID: TensorType], outputs: [Value.ID], registry: OperatorRegistry
  ) throws {
    self.graph = graph
    self.registry = registry
    self.graph.outputs = outputs
    prune()
    repeat {
      let known = try self.graph.inferTypes(
        registry: registry, overriding: inputTypes, trustingDeclarations: false)
      adopt(known.constants)
      guard try fold() else { break }
      prune()
    } while hasUnknownShapes
    for node in self.graph.nodes where !isPlannable(node) { dynamicNodes.insert(node.id) }
  }

  /// Drops the nodes and constants that the outputs don't need.
  private mutating func prune() {
    let schedule = Schedule(graph, outputs: graph.outputs)
    graph.nodes = schedule.entries.map { graph.nodes[$0.node] }
    graph.initializers = graph.initializers.filter { schedule.used.contains($0.key) }
  }

  /// Makes constants of values that type inference found, and drops the nodes that made them.
  private mutating func adopt(_ constants: [Value.ID: Tensor]) {
    guard !constants.isEmpty else { return }
    graph.initializers.merge(constants) { _, new in new }
    graph.nodes.removeAll { node in
      node.outputs.allSatisfy { $0.map { constants[$0] != nil } ?? true }
    }
    prune()
  }

  /// Computes nodes whose inputs are all constants; tells whether it found any.
  private mutating func fold() throws -> Bool {
    let folding = NodeFolding(registry: registry, limitsUnplannable: false)
    var folded: Set<Node.ID> = []
    for node in graph.nodes {
      guard let tensors = try folding.results(of: node, in: graph, constants: graph.initializers) else {
        continue
      }
      for case (let id?, let tensor?) in zip(node.outputs, tensors) {
        graph.initializers[id] = tensor
        graph[id].type = .tensor(tensor.type)
      }
      folded.insert(node.id)
    }
    graph.nodes.removeAll { folded.contains($0.id) }
    return !folded.isEmpty
  }

  private var hasUnknownShapes: Bool {
    graph.nodes.contains {
      $0.outputs.contains { $0.map { graph[$0].type?.tensor?.concreteShape == nil } ?? false }
    }
  }

  private func isPlannable(_ node: Node) -> Bool {
    guard let op = registry[node.op], case .kernel = op.implementation else { return false }
    return (node.inputs + node.outputs).allSatisfy { id in
      guard let id else { return true }
      return graph[id].type?.tensor?.byteCount != nil
    }
  }
}
