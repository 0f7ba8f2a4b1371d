/// Removes nodes of whose outputs nothing is read.
struct DeadCodeElimination: Pass {
  let name = "dead-code-elimination"

  func patch(for graph: Graph) throws -> GraphPatch {
    var patch = GraphPatch(for: graph)
    var needed = Set(graph.outputs)
    for node in graph.nodes.reversed() {
      if node.outputs.contains(where: { $0.map(needed.contains) ?? false }) {
        needed.formUnion(node.reads)
      } else {
        patch.remove(node.id)
        patch.countChange()
      }
    }
    return patch
  }
}
