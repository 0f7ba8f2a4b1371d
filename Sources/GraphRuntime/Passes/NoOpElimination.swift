/// Removes nodes that give their input on unchanged: Identity, Dropout at inference, reshapes to the same shape, casts
/// to the same type, padding by nothing, sums of one, multiplication by one.
struct NoOpElimination: Pass {
  let name = "no-op-elimination"

  func patch(for graph: Graph) throws -> GraphPatch {
    let index = GraphIndex(graph)
    var patch = GraphPatch(for: graph)
    for node in graph.nodes {
      guard let output = node.output(0),
        node.outputs.dropFirst().allSatisfy({ $0.map { !index.isUsed($0) } ?? true }),
        let input = passedOn(by: node, index), index.canReplace(output, with: input)
      else { continue }
      patch.replaceUses(of: output, with: input)
      patch.remove(node.id)
      patch.countChange()
    }
    return patch
  }

  /// The input that `node` gives on as its output; nil where it computes something.
  private func passedOn(by node: Node, _ index: GraphIndex) -> Value.ID? {
    guard node.op.domain.isEmpty, let input = node.input(0) else { return nil }
    let keepsType = index.haveSameType(input, node.output(0))
    switch node.op.type {
    case "Identity": return input
    case "Dropout": return isInference(node, index) ? input : nil
    case "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile", "Pad":
      // Of the same shape, these can only have changed nothing; Pad also cuts, and could cut one end and fill the other.
      return keepsType && (node.op.type != "Pad" || isZero(index.constant(node.input(1)))) ? input : nil
    case "Cast": return keepsType ? input : nil
    case "Transpose":
      guard let permutation = node.attributes["perm"]?.ints else { return nil }
      return permutation == Array(permutation.indices) ? input : nil
    case "Concat", "Sum", "Max", "Min", "Mean": return node.inputs.count == 1 ? input : nil
    case "Mul", "Add":
      return keepsType && isNeutral(node, node.input(1), index) ? input : commuted(node, index)
    case "Div", "Sub": return keepsType && isNeutral(node, node.input(1), index) ? input : nil
    default: return nil
    }
  }

  /// The second input of a commutative operator whose first is its neutral element.
  private func commuted(_ node: Node, _ index: GraphIndex) -> Value.ID? {
    guard let second = node.input(1), index.haveSameType(second, node.output(0)),
      isNeutral(node, node.input(0), index)
    else { return nil }
    return second
  }

  /// Whether a Dropout drops nothing: its training_mode is left out or false.
  private func isInference(_ node: Node, _ index: GraphIndex) -> Bool {
    guard let mode = node.input(2) else { return true }
    return index.constant(mode).map { $0.elementType == .bool && $0.elements(Bool.self) == [false] } ?? false
  }

  private func isZero(_ tensor: Tensor?) -> Bool { tensor?.integers?.allSatisfy { $0 == 0 } ?? false }

  /// Whether every element of a constant operand is 1 (Mul, Div) or 0 (Add, Sub).
  private func isNeutral(_ node: Node, _ operand: Value.ID?, _ index: GraphIndex) -> Bool {
    guard let tensor = index.constant(operand), tensor.elementType == .float32, tensor.count <= 1 << 16 else {
      return false
    }
    let neutral: Float = ["Mul", "Div"].contains(node.op.type) ? 1 : 0
    return tensor.withUnsafeElements(of: Float.self) { $0.allSatisfy { $0 == neutral } }
  }
}
