/// A change to a graph, as a pass proposes it: what to add, what to rewire, what to drop.
///
/// New values and nodes are made in the patch's copy of the id space, so that they can refer to each other and to
/// the graph's own; `Graph.apply` then inserts, rewires, removes, restores the topological order and checks.
public struct GraphPatch: Sendable {
  /// The graph with the additions, which the patch grows.
  var draft: Graph
  var removedNodes: Set<Node.ID> = []
  var replacedValues: [Value.ID: Value.ID] = [:]
  /// Where the draft has its nodes; made when first needed. Nodes are only ever added behind the others.
  private var places: [Node.ID: Int] = [:]
  /// How many times the pass found its pattern.
  public private(set) var changes = 0

  public init(for graph: Graph) { draft = graph }

  public var isEmpty: Bool { changes == 0 }

  /// Adds a constant.
  public mutating func addInitializer(_ name: String, _ tensor: Tensor) -> Value.ID {
    draft.addInitializer(name, tensor)
  }

  /// Adds a value for a new node to make.
  public mutating func addValue(_ name: String, _ type: ValueType?) -> Value.ID { draft.addValue(name, type) }

  /// Adds a node; its place in the order is found when the patch is applied.
  @discardableResult
  public mutating func addNode(
    _ op: OperatorName, name: String, inputs: [Value.ID?], outputs: [Value.ID?],
    attributes: [String: Attribute] = [:]
  ) -> Node.ID {
    draft.addNode(op, name: name, inputs: inputs, outputs: outputs, attributes: attributes)
  }

  /// Puts `node` in the place of the node with its id.
  public mutating func replace(_ node: Node) {
    if places[node.id] == nil { places = draft.nodeIndex }
    draft.nodes[places[node.id]!] = node
  }

  /// Removes a node; its outputs must be made by another node, replaced, or unused once the patch is applied.
  public mutating func remove(_ node: Node.ID) { removedNodes.insert(node) }

  /// Lets every reader of `old`, graph outputs included, read `new` instead; a graph output keeps its name.
  public mutating func replaceUses(of old: Value.ID, with new: Value.ID) { replacedValues[old] = new }

  /// Counts one application of the pass's pattern.
  public mutating func countChange() { changes += 1 }
}

extension Graph {
  /// Applies a patch made for this graph: inserts, rewires, removes, drops what nothing reads any more among values
  /// and initializers, sorts and validates.
  /// - Throws: `GraphError` when the result is not a valid graph; the graph is then unchanged.
  public mutating func apply(_ patch: GraphPatch) throws {
    var result = patch.draft
    result.nodes.removeAll { patch.removedNodes.contains($0.id) }
    func resolve(_ id: Value.ID) -> Value.ID {
      var id = id
      while let next = patch.replacedValues[id] { id = next }
      return id
    }
    if !patch.replacedValues.isEmpty {
      for index in result.nodes.indices {
        result.nodes[index].inputs = result.nodes[index].inputs.map { $0.map(resolve) }
        result.nodes[index].attributes = result.nodes[index].attributes.mapValues { $0.mapCaptures(resolve) }
      }
      for (position, output) in result.outputs.enumerated() where patch.replacedValues[output] != nil {
        result.redirectOutput(at: position, to: resolve(output))
      }
    }
    try result.sortTopologically()
    result.removeUnusedValues()
    try result.validate()
    self = result
  }

  /// Makes output `position` read `value` but keep its name: by renaming `value` where it is free to be renamed,
  /// else through an Identity.
  private mutating func redirectOutput(at position: Int, to value: Value.ID) {
    let old = outputs[position]
    let name = self[old].name
    let taken = inputs.contains(value) || outputs.contains(value) || initializers[value] != nil
    rename(old, to: name + "_replaced")
    if taken {
      let copy = addValue(name, self[old].type)
      addNode(.identity, name: name, inputs: [value], outputs: [copy])
      outputs[position] = copy
    } else {
      rename(value, to: name)
      outputs[position] = value
    }
  }
}

extension Attribute {
  /// The attribute with the outer values of its subgraphs' captures mapped by `transform`.
  func mapCaptures(_ transform: (Value.ID) -> Value.ID) -> Attribute {
    func mapped(_ subgraph: Subgraph) -> Subgraph {
      Subgraph(
        graph: subgraph.graph,
        captures: subgraph.captures.map { .init(outer: transform($0.outer), inner: $0.inner) })
    }
    return switch self {
    case .graph(let subgraph): .graph(mapped(subgraph))
    case .graphs(let subgraphs): .graphs(subgraphs.map(mapped))
    default: self
    }
  }
}
