/// Conv with what follows it: Y = clamp(Conv(X, W, B) + residual), made by `ConvolutionFusion`.
///
/// Inputs X, W, B?, residual? [as Y]; attributes those of Conv, and `activation`: absent, `Relu`, or `Clip` with
/// `minimum` and `maximum`.
enum FusedConvolution {
  static let name = OperatorName("FusedConv", domain: OperatorName.internalDomain)

  /// The range that an activation clamps to; nil for none.
  static func clampRange(of node: Node) -> ClosedRange<Float>? {
    switch node.attributes["activation"]?.string {
    case "Relu": 0...Float.infinity
    case "Clip":
      (node.attributes["minimum"]?.float ?? -.infinity)...(node.attributes["maximum"]?.float ?? .infinity)
    default: nil
    }
  }

  /// Replaces a node by the standard operators it stands for.
  static func expand(_ node: Node, type: ValueType?, into patch: inout GraphPatch) {
    guard let output = node.output(0) else { return }
    let own: Set<String> = ["activation", "minimum", "maximum"]
    var steps: [(op: OperatorName, operands: [Value.ID?])] = []
    if let residual = node.input(3) { steps.append(("Add", [residual])) }
    if let range = clampRange(of: node) {
      if range == 0...Float.infinity {
        steps.append(("Relu", []))
      } else {
        let bounds = [("minimum", range.lowerBound), ("maximum", range.upperBound)].map { name, bound in
          patch.addInitializer("\(node.name)_\(name)", Tensor(scalar: bound))
        }
        steps.append(("Clip", bounds))
      }
    }
    var current = steps.isEmpty ? output : patch.addValue(node.name + "_conv", type)
    patch.addNode(
      "Conv", name: node.name, inputs: Array(node.inputs.prefix(3)), outputs: [current],
      attributes: node.attributes.filter { !own.contains($0.key) })
    for (position, step) in steps.enumerated() {
      let result = position == steps.count - 1 ? output : patch.addValue("\(node.name)_\(step.op.type)", type)
      patch.addNode(
        step.op, name: "\(node.name)_\(step.op.type)", inputs: [current] + step.operands, outputs: [result])
      current = result
    }
    patch.remove(node.id)
    patch.countChange()
  }
}
