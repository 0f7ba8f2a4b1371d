import HeapModule
import ONNXParse

/// The order in which a graph's node messages can be imported.
enum NodeOrder {
  /// `nodes` with every node behind the makers of what it and its subgraphs read: as given where that holds already,
  /// as the standard demands.
  /// - Throws: `GraphError` for a cycle.
  static func sorted(_ nodes: [NodeProto]) throws -> [NodeProto] {
    var makers: [String: Int] = [:]
    for (index, node) in nodes.enumerated() {
      for output in node.outputs where !output.isEmpty && makers[output] == nil { makers[output] = index }
    }
    let reads = nodes.map { node in freeNames(of: node) }
    let inOrder = reads.enumerated().allSatisfy { index, names in
      names.allSatisfy { makers[$0].map { $0 < index } ?? true }
    }
    if inOrder { return nodes }
    var pending = [Int](repeating: 0, count: nodes.count)
    var readers = [[Int]](repeating: [], count: nodes.count)
    for (index, names) in reads.enumerated() {
      for maker in Set(names.compactMap { makers[$0] }) {
        pending[index] += 1
        readers[maker].append(index)
      }
    }
    var ready = Heap(nodes.indices.filter { pending[$0] == 0 })
    var order: [Int] = []
    while let next = ready.popMin() {
      order.append(next)
      for reader in readers[next] {
        pending[reader] -= 1
        if pending[reader] == 0 { ready.insert(reader) }
      }
    }
    if order.count < nodes.count, let stuck = pending.firstIndex(where: { $0 > 0 }) {
      throw GraphError(.invalidGraph, "the graph has a cycle through this node", path: [nodes[stuck].label])
    }
    return order.map { nodes[$0] }
  }

  /// The names that a node reads, those that its subgraphs read from around them included.
  private static func freeNames(of node: NodeProto) -> Set<String> {
    var names = Set(node.inputs)
    for attribute in node.attributes {
      for graph in attribute.value.graphs { names.formUnion(freeNames(of: graph)) }
    }
    names.remove("")
    return names
  }

  private static func freeNames(of graph: GraphProto) -> Set<String> {
    var names = Set(graph.outputs.map(\.name))
    var defined = Set(graph.inputs.map(\.name))
    defined.formUnion(graph.initializers.map(\.name))
    defined.formUnion(graph.sparseInitializers.compactMap { $0.values?.name })
    for node in graph.nodes {
      names.formUnion(freeNames(of: node))
      defined.formUnion(node.outputs)
    }
    return names.subtracting(defined)
  }
}

extension NodeProto {
  /// `conv1 (Conv)`; a node without a name goes by its first output.
  var label: String {
    let op = OperatorName(opType, domain: domain)
    let name = name.isEmpty ? outputs.first { !$0.isEmpty } ?? "" : name
    return name.isEmpty ? "(\(op))" : "\(name) (\(op))"
  }
}
