import HeapModule

extension Graph {
  /// Puts the nodes in topological order, keeping their present order where the links allow.
  /// - Throws: `GraphError` when the graph has a cycle.
  public mutating func sortTopologically() throws {
    let producers = self.producers
    let index = nodeIndex
    var pending = [Int](repeating: 0, count: nodes.count)
    var readers = [[Int]](repeating: [], count: nodes.count)
    for (position, node) in nodes.enumerated() {
      for maker in Set(node.reads.compactMap { producers[$0] }) {
        pending[position] += 1
        readers[index[maker]!].append(position)
      }
    }
    var ready = Heap(nodes.indices.filter { pending[$0] == 0 })
    var order: [Int] = []
    order.reserveCapacity(nodes.count)
    while let next = ready.popMin() {
      order.append(next)
      for reader in readers[next] {
        pending[reader] -= 1
        if pending[reader] == 0 { ready.insert(reader) }
      }
    }
    guard order.count == nodes.count else {
      let stuck = nodes[pending.firstIndex { $0 > 0 }!]
      throw GraphError(.invalidGraph, "the graph has a cycle through this node", path: [stuck.label])
    }
    nodes = order.map { nodes[$0] }
  }

  /// Drops the values and initializers that nothing reads, makes or shows.
  mutating func removeUnusedValues() {
    var used = Set(inputs + outputs)
    for node in nodes {
      used.formUnion(node.reads)
      used.formUnion(node.outputs.compactMap(\.self))
    }
    initializers = initializers.filter { used.contains($0.key) }
    derivedConstants = derivedConstants.filter { used.contains($0.key.source) }
    for id in values.keys where !used.contains(id) { remove(id) }
  }

  /// Checks what every graph promises: each value is made once, before it is read.
  /// - Throws: `GraphError` that names the node and the value.
  public func validate() throws {
    var known = Set(inputs).union(initializers.keys)
    for node in nodes {
      for id in node.reads where !known.contains(id) {
        throw GraphError(
          .invalidGraph, "reads '\(values[id]?.name ?? "#\(id.rawValue)")', which nothing before it makes",
          path: [node.label])
      }
      for case let id? in node.outputs {
        guard values[id] != nil, known.insert(id).inserted else {
          throw GraphError(
            .invalidGraph, "makes '\(values[id]?.name ?? "#\(id.rawValue)")', which is made before",
            path: [node.label])
        }
      }
    }
    for id in outputs where !known.contains(id) {
      throw GraphError(.invalidGraph, "nothing makes the output '\(values[id]?.name ?? "#\(id.rawValue)")'")
    }
  }
}
