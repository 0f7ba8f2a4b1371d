/// Computes what depends on constants alone, and takes the shapes that type inference found for constants.
struct ConstantFolding: Pass {
  let name = "constant-folding"
  var folding = NodeFolding()

  func patch(for graph: Graph) throws -> GraphPatch {
    var typed = graph
    return try patch(for: graph, known: typed.inferTypes())
  }

  func patch(for graph: Graph, known: ShapeValues) throws -> GraphPatch {
    var patch = GraphPatch(for: graph)
    var constants = graph.initializers
    let interface = Set(graph.outputs)
    for node in graph.nodes {
      let outputs = node.outputs.compactMap(\.self)
      // An output of the graph must stay made by a node.
      guard outputs.count == node.outputs.count, interface.isDisjoint(with: outputs),
        let results = results(of: node, in: graph, constants, known.constants)
      else { continue }
      for (output, tensor) in zip(outputs, results) {
        let folded = patch.addInitializer(graph[output].name, tensor)
        constants[output] = tensor
        patch.replaceUses(of: output, with: folded)
      }
      patch.remove(node.id)
      patch.countChange()
    }
    return patch
  }

  /// The tensors a node makes, where they can be known now; nil where not.
  private func results(
    of node: Node, in graph: Graph, _ constants: [Value.ID: Tensor], _ known: [Value.ID: Tensor]
  ) -> [Tensor]? {
    let outputs = node.outputs.compactMap(\.self)
    let shapes = outputs.compactMap { known[$0] }
    if shapes.count == outputs.count { return shapes }
    // What can't be computed says so when it runs, if it ever does.
    guard let tensors = try? folding.results(of: node, in: graph, constants: constants) else { return nil }
    return tensors.compactMap(\.self)
  }
}
