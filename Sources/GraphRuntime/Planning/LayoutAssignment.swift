/// Chooses each value's layout in a specialised graph, and puts copies where a value is needed in another.
///
/// Operators that gain by it (convolutions) get blocked tensors and give them; those that can (pooling, element-wise,
/// Concat) go along where an input is blocked already, so that a chain stays blocked from its first convolution to its
/// last. A value is copied to a layout once, however many read it there.
///
/// What an operator answers about a node must not depend on the layouts of its operands, because it is asked again when
/// they are chosen.
struct LayoutAssignment {
  private let registry: OperatorRegistry
  private var graph: Graph
  private var nodes: [Node] = []
  /// The row-major and the blocked form of a value that has both or only the latter.
  private var blocked: [Value.ID: Value.ID] = [:]
  private var rowMajor: [Value.ID: Value.ID] = [:]

  /// The graph with layouts assigned; values keep their ids, and outputs stay row-major.
  static func assign(_ graph: Graph, registry: OperatorRegistry) throws -> Graph {
    var assignment = LayoutAssignment(registry: registry, graph: graph)
    for node in graph.nodes {
      do {
        try assignment.visit(node)
      } catch let error as GraphError {
        throw error.inside(node)
      }
    }
    assignment.graph.outputs = assignment.graph.outputs.map { assignment.inRowMajor($0) }
    assignment.graph.nodes = assignment.nodes
    return assignment.graph
  }

  private init(registry: OperatorRegistry, graph: Graph) {
    self.registry = registry
    self.graph = graph
  }

  private func isBlocked(_ id: Value.ID) -> Bool { graph[id].type?.tensor?.layout == .channelBlocked16 }

  private mutating func visit(_ node: Node) throws {
    var node = node
    let form = try registry[node.op]?.blocked?.form(BlockedQuery(node, in: graph))
    let isServed = form.map { form in
      form.isPreferred || form.inputs.contains { node.input($0).map(isBlocked) ?? false }
    }
    guard let form, isServed == true else {
      node.inputs = node.inputs.map { $0.map { inRowMajor($0) } }
      nodes.append(node)
      return
    }
    for (index, id) in node.inputs.enumerated() {
      guard let id else { continue }
      node.inputs[index] = form.inputs.contains(index) ? inBlocks(id) : inRowMajor(id)
    }
    for index in form.outputs {
      guard let id = node.output(index), var type = graph[id].type?.tensor else { continue }
      type.layout = .channelBlocked16
      graph[id].type = .tensor(type)
    }
    nodes.append(node)
  }

  private mutating func inBlocks(_ id: Value.ID) -> Value.ID {
    if isBlocked(id) { return id }
    if let copy = blocked[id] { return copy }
    let copy = relaid(id, as: .channelBlocked16)
    blocked[id] = copy
    return copy
  }

  private mutating func inRowMajor(_ id: Value.ID) -> Value.ID {
    guard isBlocked(id) else { return id }
    if let copy = rowMajor[id] { return copy }
    let copy = relaid(id, as: .rowMajor)
    rowMajor[id] = copy
    return copy
  }

  private mutating func relaid(_ id: Value.ID, as layout: Layout) -> Value.ID {
    var type = graph[id].type?.tensor
    type?.layout = layout
    let copy = graph.addValue(graph[id].name, type.map(ValueType.tensor))
    graph.addNode(Relayout.name, name: graph[id].name, inputs: [id], outputs: [copy])
    nodes.append(graph.nodes.removeLast())
    return copy
  }
}
