/// Merges a Transpose into the Transpose behind it, and moves transposes down through element-wise operators, so that
/// the pairs that conversion from channels-last layouts leaves meet and cancel.
struct TransposeCancellation: Pass {
  let name = "transpose-cancellation"

  /// Operators of one input that work on each element by itself.
  private static let unary: Set<String> = [
    "Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Softplus",
    "Softsign",
    "Mish", "Gelu", "Abs", "Neg", "Exp", "Log", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round", "Cast", "Erf",
  ]
  private static let binary: Set<String> = ["Add", "Sub", "Mul", "Div", "Max", "Min"]

  func patch(for graph: Graph) throws -> GraphPatch {
    let index = GraphIndex(graph)
    var patch = GraphPatch(for: graph)
    var touched: Set<Node.ID> = []
    for node in graph.nodes where !touched.contains(node.id) {
      if merge(node, index, &touched, &patch) || sink(node, index, &touched, &patch) { patch.countChange() }
    }
    return patch
  }

  /// Transpose(p) behind Transpose(q) becomes one Transpose of the input.
  private func merge(
    _ node: Node, _ index: GraphIndex, _ touched: inout Set<Node.ID>, _ patch: inout GraphPatch
  ) -> Bool {
    guard let second = permutation(of: node), let before = index.producer(of: node.input(0)),
      let first = permutation(of: before), first.count == second.count, !touched.contains(before.id)
    else { return false }
    var merged = node
    merged.inputs = [before.input(0)]
    merged.attributes["perm"] = .ints(second.map { first[$0] })
    patch.replace(merged)
    if let between = before.output(0), index.soleConsumer(of: between) != nil { patch.remove(before.id) }
    touched.formUnion([node.id, before.id])
    return true
  }

  /// op(Transpose(x)) becomes Transpose(op(x)) where nothing else reads the transposed values, and all inputs are
  /// transposed alike.
  private func sink(
    _ node: Node, _ index: GraphIndex, _ touched: inout Set<Node.ID>, _ patch: inout GraphPatch
  ) -> Bool {
    guard node.op.domain.isEmpty, let output = node.output(0), node.outputs.count == 1,
      Self.unary.contains(node.op.type) || (Self.binary.contains(node.op.type) && node.inputs.count == 2)
    else { return false }
    var transposes: [Node] = []
    for input in node.inputs {
      guard let input, index.soleConsumer(of: input)?.id == node.id, let before = index.producer(of: input),
        permutation(of: before) != nil, !touched.contains(before.id)
      else { return false }
      transposes.append(before)
    }
    guard let first = transposes.first, let order = permutation(of: first),
      transposes.allSatisfy({ permutation(of: $0) == order }),
      Set(transposes.map { index.tensorType($0.input(0))?.shape?.count }).count == 1
    else { return false }
    var early = node
    let before = patch.addValue(index.graph[output].name + "_untransposed", nil)
    early.inputs = transposes.map { $0.input(0) }
    early.outputs = [before]
    patch.replace(early)
    patch.addNode(
      "Transpose", name: first.name, inputs: [before], outputs: [output], attributes: ["perm": .ints(order)])
    for transpose in transposes { patch.remove(transpose.id) }
    touched.formUnion(transposes.map(\.id) + [node.id])
    return true
  }

  /// The order of a Transpose that says it, every axis counted from the front; nil for other nodes.
  private func permutation(of node: Node) -> [Int]? {
    guard node.op == "Transpose", let given = node.attributes["perm"]?.ints else { return nil }
    let order = given.map { $0 < 0 ? $0 &+ given.count : $0 }
    return order.sorted() == Array(given.indices) ? order : nil
  }
}
