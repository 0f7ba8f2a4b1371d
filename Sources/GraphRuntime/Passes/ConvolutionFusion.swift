/// Fuses what follows a convolution into it: the residual that is added, and ReLU or Clip.
struct ConvolutionFusion: Pass {
  let name = "convolution-fusion"

  func patch(for graph: Graph) throws -> GraphPatch {
    let index = GraphIndex(graph)
    var patch = GraphPatch(for: graph)
    var taken: Set<Node.ID> = []
    // From the end, so that of two convolutions that are added the later takes the sum: its other operand is then ready.
    for node in graph.nodes.reversed() where node.op == "Conv" || FusedConvolution.endsInSums(node) {
      guard let fused = fuse(node, index, taken) else { continue }
      patch.addNode(
        FusedConvolution.name, name: node.name, inputs: fused.inputs, outputs: [fused.output],
        attributes: fused.attributes)
      for absorbed in [node.id] + fused.absorbed {
        patch.remove(absorbed)
        taken.insert(absorbed)
      }
      patch.countChange()
    }
    return patch
  }

  private struct Fusion {
    var inputs: [Value.ID?]
    var output: Value.ID
    var attributes: [String: Attribute]
    var absorbed: [Node.ID] = []
  }

  private func fuse(_ convolution: Node, _ index: GraphIndex, _ taken: Set<Node.ID>) -> Fusion? {
    guard let output = convolution.output(0), index.tensorType(output)?.elementType == .float32 else {
      return nil
    }
    var fusion = Fusion(inputs: convolution.inputs, output: output, attributes: convolution.attributes)
    if let sum = index.soleConsumer(of: output), sum.op == "Add", !taken.contains(sum.id),
      let result = sum.output(0),
      let residual = sum.inputs.first(where: { $0 != output }) ?? nil, index.haveSameType(residual, output)
    {
      fusion.inputs = (0..<3).map { convolution.input($0) } + [residual]
      fusion.output = result
      fusion.absorbed.append(sum.id)
    }
    if let activation = index.soleConsumer(of: fusion.output), activation.input(0) == fusion.output,
      let range = clampRange(activation, index), let result = activation.output(0)
    {
      fusion.attributes.merge(range) { $1 }
      fusion.output = result
      fusion.absorbed.append(activation.id)
    }
    return fusion.absorbed.isEmpty ? nil : fusion
  }

  /// The attributes that stand for an activation; nil where it can't be fused.
  private func clampRange(_ node: Node, _ index: GraphIndex) -> [String: Attribute]? {
    switch node.op {
    case "Relu": return ["activation": .string("Relu")]
    case "Clip":
      var bounds: [Float] = [-.infinity, .infinity]
      for position in 0..<2 {
        guard let input = node.input(position + 1) else { continue }
        guard let bound = index.constant(input), bound.elementType == .float32, bound.count == 1 else {
          return nil
        }
        bounds[position] = bound.elements(Float.self)[0]
      }
      guard bounds[0] <= bounds[1] else { return nil }
      return ["activation": .string("Clip"), "minimum": .float(bounds[0]), "maximum": .float(bounds[1])]
    default: return nil
    }
  }
}
