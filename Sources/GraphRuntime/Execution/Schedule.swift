/// Which nodes of a graph must run for the outputs asked for, in order, and what is dead after each.
struct Schedule: Sendable {
  /// One node to run.
  struct Entry: Sendable {
    /// Index into the graph's nodes.
    let node: Int
    /// Values no later node reads and nobody asked for.
    let dead: [Value.ID]
  }

  let entries: [Entry]
  /// Every value the nodes read, or that is asked for.
  let used: Set<Value.ID>

  init(_ graph: Graph, outputs: [Value.ID]) {
    var needed = Set(outputs)
    var last: [(node: Int, dead: [Value.ID])] = []
    for index in graph.nodes.indices.reversed() {
      let node = graph.nodes[index]
      guard node.outputs.contains(where: { $0.map(needed.contains) ?? false }) else { continue }
      // Going backwards, the first reader met of a value is its last; what nobody reads dies where it is made.
      var dead: [Value.ID] = []
      for id in node.reads where needed.insert(id).inserted { dead.append(id) }
      for case let id? in node.outputs where !needed.contains(id) { dead.append(id) }
      last.append((index, dead))
    }
    entries = last.reversed().map { Entry(node: $0.node, dead: $0.dead) }
    used = needed
  }
}
