extension Graph {
  /// Copies into this graph the part of `other` that makes `targets`, and returns the values that stand for them here.
  ///
  /// - Parameters:
  ///   - other: the graph to copy from; its initializers come along as far as they are needed.
  ///   - targets: values of `other`.
  ///   - substitutes: values of this graph to stand for values of `other`; what makes those is not copied.
  ///   - prefix: put before the names of the copied values and nodes.
  /// - Throws: `GraphError` when the part reads an input of `other` that has no substitute.
  public mutating func splice(
    _ other: Graph, making targets: [Value.ID], substituting substitutes: [Value.ID: Value.ID] = [:],
    prefix: String = ""
  ) throws -> [Value.ID] {
    var copies = substitutes
    for node in other.nodesNeeded(for: targets, given: Set(substitutes.keys)) {
      for id in node.reads { try copy(id, of: other, into: &copies, prefix: prefix) }
      let outputs = node.outputs.map { $0.map { addValue(prefix + other[$0].name) } }
      for case (let old?, let new?) in zip(node.outputs, outputs) { copies[old] = new }
      addNode(
        node.op, name: prefix + node.name, inputs: node.inputs.map { $0.flatMap { copies[$0] } },
        outputs: outputs,
        attributes: node.attributes.mapValues { $0.mapCaptures { copies[$0] ?? $0 } })
    }
    for id in targets { try copy(id, of: other, into: &copies, prefix: prefix) }
    return targets.compactMap { copies[$0] }
  }

  /// Makes sure that a value of `other` has a copy here: it was substituted or made, or it is a constant.
  private mutating func copy(
    _ id: Value.ID, of other: Graph, into copies: inout [Value.ID: Value.ID], prefix: String
  ) throws {
    guard copies[id] == nil else { return }
    guard let tensor = other.initializers[id] else {
      let name = other.values[id]?.name ?? "#\(id.rawValue)"
      throw GraphError(.invalidGraph, "the part to copy depends on '\(name)', which has no substitute")
    }
    copies[id] = addInitializer(prefix + other[id].name, tensor)
  }

  /// The nodes that `targets` depend on, in order, without those that only make what is `given`.
  public func nodesNeeded(for targets: [Value.ID], given: Set<Value.ID> = []) -> [Node] {
    var needed = Set(targets).subtracting(given)
    var kept: [Node] = []
    for node in nodes.reversed() where node.outputs.contains(where: { $0.map(needed.contains) ?? false }) {
      kept.append(node)
      needed.formUnion(Set(node.reads).subtracting(given))
    }
    return kept.reversed()
  }
}
