/// A specialised graph cut in two where some of its nodes depend on data: what is planned and runs first, and what the
/// interpreter does with its results.
///
/// The planned segment is the largest part that waits for none of those nodes: a detector's backbone up to the
/// selection of boxes.
struct PlannedSegment {
  /// The planned nodes; its outputs are what the rest reads of their results, and the graph's own among them.
  let planned: Graph
  /// The other nodes, which take the segment's outputs as given; inputs and outputs are those of the whole.
  let rest: Graph

  /// Cuts `graph` so that the `dynamic` nodes and all that read their results are left to the rest; nil where that is
  /// everything.
  init?(_ graph: Graph, dynamic: Set<Node.ID>) {
    var late: Set<Value.ID> = []
    var (first, second): ([Node], [Node]) = ([], [])
    for node in graph.nodes {
      if dynamic.contains(node.id) || node.reads.contains(where: late.contains) {
        late.formUnion(node.outputs.compactMap(\.self))
        second.append(node)
      } else {
        first.append(node)
      }
    }
    guard !first.isEmpty else { return nil }
    let wanted = Set(second.flatMap(\.reads) + graph.outputs)
    planned = graph.part(
      first, outputs: first.flatMap(\.outputs).compactMap { $0.flatMap { wanted.contains($0) ? $0 : nil } })
    rest = graph.part(second, outputs: graph.outputs)
  }
}

extension Graph {
  /// The graph with some of its nodes only.
  fileprivate func part(_ nodes: [Node], outputs: [Value.ID]) -> Graph {
    var part = self
    (part.nodes, part.outputs) = (nodes, outputs)
    let read = Set(nodes.flatMap(\.reads) + outputs)
    part.initializers = initializers.filter { read.contains($0.key) }
    return part
  }
}
