/// Chooses each value's layout in a specialised graph, and puts copies where a value is needed in another.
///
/// Operators that gain by it (convolutions) get blocked tensors and give them; those that can (pooling, element-wise,
/// Concat) go along where an input is blocked already, so that a chain stays blocked from its first convolution to its
/// last. A value is copied to a layout once, however many read it there. With bfloat16 on AMX's tiles, convolutions are
/// given pairs, and give pairs where all that read them take pairs.
///
/// What an operator answers about a node must not depend on the layouts of its operands, because it is asked again when
/// they are chosen.
struct LayoutAssignment {
  private struct Copy: Hashable {
    let value: Value.ID
    let layout: Layout
  }

  private let forms: [Node.ID: BlockedForm]
  /// Values that something reads, and all that do take paired; none where kernels take no pairs.
  private let readInPairs: Set<Value.ID>
  private var graph: Graph
  private var nodes: [Node] = []
  private var copies: [Copy: Value.ID] = [:]

  /// The graph with layouts assigned; values keep their ids, and outputs stay row-major.
  /// - Parameter inPairs: whether bf16 kernels take paired tensors.
  static func assign(_ graph: Graph, registry: OperatorRegistry, inPairs: Bool = false) throws -> Graph {
    var assignment = try LayoutAssignment(registry: registry, graph: graph, inPairs: inPairs)
    for node in graph.nodes { assignment.visit(node) }
    assignment.graph.outputs = assignment.graph.outputs.map { assignment.copy($0, as: .rowMajor) }
    assignment.graph.nodes = assignment.nodes
    return assignment.graph
  }

  private init(registry: OperatorRegistry, graph: Graph, inPairs: Bool) throws {
    self.graph = graph
    var forms: [Node.ID: BlockedForm] = [:]
    for node in graph.nodes {
      do {
        forms[node.id] = try registry[node.op]?.blocked?.form(BlockedQuery(node, in: graph))
        if !inPairs { forms[node.id]?.pairing = .none }
      } catch let error as GraphError {
        throw error.inside(node)
      }
    }
    self.forms = forms
    readInPairs = inPairs ? Self.readInPairs(graph, forms) : []
  }

  private static func readInPairs(_ graph: Graph, _ forms: [Node.ID: BlockedForm]) -> Set<Value.ID> {
    var read: Set<Value.ID> = []
    var others = Set(graph.outputs)
    for node in graph.nodes.reversed() {
      var taken: Set<Int> = []
      if let form = forms[node.id] {
        let isWanted = form.outputs.allSatisfy { index in
          node.output(index).map { read.contains($0) && !others.contains($0) } ?? true
        }
        if form.pairing == .each || (form.pairing == .whole && isWanted) { taken = form.inputs }
      }
      for (index, id) in node.inputs.enumerated() {
        guard let id else { continue }
        if taken.contains(index) { read.insert(id) } else { others.insert(id) }
      }
      others.formUnion(node.reads.dropFirst(node.inputs.count { $0 != nil }))
    }
    return read.subtracting(others)
  }

  private func layout(_ id: Value.ID) -> Layout { graph[id].type?.tensor?.layout ?? .rowMajor }

  private mutating func visit(_ node: Node) {
    var node = node
    let present = forms[node.id].map { form in form.inputs.compactMap { node.input($0).map(layout) } } ?? []
    guard let form = forms[node.id], form.isPreferred || present.contains(where: { $0 != .rowMajor }) else {
      node.inputs = node.inputs.map { $0.map { copy($0, as: .rowMajor) } }
      nodes.append(node)
      return
    }
    let isPaired =
      switch form.pairing {
      case .none: false
      case .each: true
      // Nothing is rounded that nothing wants so.
      case .whole:
        present.contains(.channelPaired32)
          && form.outputs.allSatisfy { node.output($0).map(readInPairs.contains) ?? true }
      }
    let chosen = isPaired ? Layout.channelPaired32 : .channelBlocked16
    for (index, id) in node.inputs.enumerated() {
      guard let id else { continue }
      node.inputs[index] = copy(id, as: form.inputs.contains(index) ? chosen : .rowMajor)
    }
    for index in form.outputs {
      guard let id = node.output(index), var type = graph[id].type?.tensor else { continue }
      type.layout = form.pairing == .each && !readInPairs.contains(id) ? .channelBlocked16 : chosen
      graph[id].type = .tensor(type)
    }
    nodes.append(node)
  }

  /// The value in a layout: itself, or its copy.
  private mutating func copy(_ id: Value.ID, as layout: Layout) -> Value.ID {
    if self.layout(id) == layout { return id }
    if let copy = copies[Copy(value: id, layout: layout)] { return copy }
    var type = graph[id].type?.tensor
    type?.layout = layout
    let copy = graph.addValue(graph[id].name, type.map(ValueType.tensor))
    graph.addNode(Relayout.name, name: graph[id].name, inputs: [id], outputs: [copy])
    nodes.append(graph.nodes.removeLast())
    copies[Copy(value: id, layout: layout)] = copy
    return copy
  }
}
