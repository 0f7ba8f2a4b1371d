/// Computes what depends on constants alone, and takes the shapes that type inference found for constants.
struct ConstantFolding: Pass {
  let name = "constant-folding"
  /// A result may take more bytes than the constants it is made from, but not more than these: folding must not turn
  /// a small recipe (ConstantOfShape, Expand, Tile) into a large weight.
  var growthLimit = 1 << 16

  func patch(for graph: Graph) throws -> GraphPatch {
    var patch = GraphPatch(for: graph)
    var typed = graph
    let known = try typed.inferTypes().constants
    var constants = graph.initializers
    for node in graph.nodes {
      guard let results = results(of: node, in: graph, constants, known) else { continue }
      for case (let output?, let tensor) in zip(node.outputs, results) {
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
    // An output of the graph must stay made by a node.
    guard outputs.count == node.outputs.count, !outputs.contains(where: graph.outputs.contains) else {
      return nil
    }
    let shapes = outputs.compactMap { known[$0] }
    if shapes.count == outputs.count { return shapes }
    guard let op = OperatorRegistry.standard[node.op], op.isDeterministic,
      node.attributes.values.allSatisfy({ $0.subgraphs.isEmpty })
    else { return nil }
    let inputs = node.inputs.map { $0.flatMap { constants[$0] } }
    guard zip(node.inputs, inputs).allSatisfy({ $0 == nil || $1 != nil }) else { return nil }
    let budget = max(inputs.reduce(0) { $0 + ($1?.bytes?.count ?? 0) }, growthLimit)
    guard let expected = byteCount(of: outputs, in: graph), expected <= budget else { return nil }
    // What can't be computed says so when it runs, if it ever does.
    guard
      let values = try? Interpreter.evaluate(node: node, inputs: inputs.map { $0.map(RuntimeValue.tensor) })
    else { return nil }
    let tensors = values.prefix(outputs.count).compactMap { $0?.tensor }
    return tensors.count == outputs.count ? tensors : nil
  }

  /// The bytes that values take by their types; nil where a type is not known in full.
  private func byteCount(of values: [Value.ID], in graph: Graph) -> Int? {
    var total = 0
    for id in values {
      guard let type = graph[id].type?.tensor, let count = type.concreteShape?.elementCount,
        let bytes = type.elementType.byteCount(of: count), bytes <= Int.max - total
      else { return nil }
      total += bytes
    }
    return total
  }
}
