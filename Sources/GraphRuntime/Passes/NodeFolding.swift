/// Computes nodes ahead that depend on constants alone: for the pass that keeps the results in the graph, and for plans.
struct NodeFolding {
  var registry = OperatorRegistry.standard
  /// A result may take more bytes than the constants it is made from, but not more than these: folding must not turn
  /// a small recipe (ConstantOfShape, Expand, Tile) into a large weight.
  var growthLimit = 1 << 16
  /// Whether that holds for nodes too that no plan can run: for a plan they must be computed ahead, or there is none.
  var limitsUnplannable = true

  /// What the node makes, nil for outputs not asked for; nil altogether where it needs more than `constants`, draws
  /// random numbers, runs subgraphs, or makes too much or other things than tensors.
  /// - Throws: `GraphError` where the operator can't compute with the constants.
  func results(of node: Node, in graph: Graph, constants: [Value.ID: Tensor]) throws -> [Tensor?]? {
    guard isFoldable(node, in: graph, constants) else { return nil }
    let inputs = node.inputs.map { $0.flatMap { constants[$0] }.map(RuntimeValue.tensor) }
    let values = try Interpreter.evaluate(node: node, inputs: inputs, registry: registry)
    let tensors = node.outputs.indices.map { values.indices.contains($0) ? values[$0]?.tensor : nil }
    return zip(node.outputs, tensors).allSatisfy { $0 == nil || $1 != nil } ? tensors : nil
  }

  private func isFoldable(_ node: Node, in graph: Graph, _ constants: [Value.ID: Tensor]) -> Bool {
    // Most nodes have an input that is no constant: that is asked first.
    var source = 0
    for case let id? in node.inputs {
      guard let tensor = constants[id] else { return false }
      source += tensor.type.byteCount ?? 0
    }
    guard let op = registry[node.op], op.isDeterministic,
      node.attributes.values.allSatisfy(\.subgraphs.isEmpty)
    else { return false }
    if !limitsUnplannable, case .evaluate = op.implementation { return true }
    var result = 0
    for id in node.outputs.compactMap(\.self) {
      guard let count = graph[id].type?.tensor?.byteCount, count <= Int.max - result else { return false }
      result += count
    }
    return result <= max(source, growthLimit)
  }
}
