/// Conv with what follows it: Y = clamp(Conv(X, W, B) + residual), made by `ConvolutionFusion`.
///
/// Inputs X, W, B?, residual? [as Y]; attributes those of Conv, and `activation`: absent, `Relu`, or `Clip` with
/// `minimum` and `maximum`.
enum FusedConvolution {
  static let name = OperatorName("FusedConv", domain: OperatorName.internalDomain)

  /// What results are clamped to: the larger limit wins where a file has them crossed.
  struct Clamp: Sendable, Hashable {
    let low, high: Float
    static let relu = Clamp(low: 0, high: .infinity)
  }

  static let fused = Operator(
    name, inputs: 2...4,
    infer: { inference in
      try Convolutions.inferShape(&inference)
      guard inference.has(3), let residual = inference.shape(3),
        let shape = inference.outputTypes.first??.tensor?.shape
      else { return }
      guard residual.count == shape.count,
        zip(residual, shape).allSatisfy({ $0.value == nil || $1.value == nil || $0 == $1 })
      else { throw inference.mismatch("the residual must have the shape of the output") }
    }, kernel: floating(FusedConvolutionKernel.self))

  /// What the activation of a node clamps to; nil for none.
  /// - Throws: `GraphError` for an activation that is not known.
  static func clamp(of node: Node) throws -> Clamp? {
    switch node.attributes["activation"]?.string {
    case nil: nil
    case "Relu"?: .relu
    case "Clip"?:
      Clamp(
        low: try node.float("minimum", default: -.infinity),
        high: try node.float("maximum", default: .infinity))
    case let other?: throw GraphError(.invalidAttribute, "activation '\(other)' is not known")
    }
  }

  /// Replaces a node by the standard operators it stands for.
  static func expand(_ node: Node, type: ValueType?, into patch: inout GraphPatch) throws {
    guard let output = node.output(0) else { return }
    let own: Set<String> = ["activation", "minimum", "maximum"]
    var steps: [(op: OperatorName, operands: [Value.ID?])] = []
    if let residual = node.input(3) { steps.append(("Add", [residual])) }
    if let clamp = try clamp(of: node) {
      if clamp == .relu {
        steps.append(("Relu", []))
      } else {
        let bounds = [("minimum", clamp.low), ("maximum", clamp.high)].map { name, bound in
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

private struct FusedConvolutionKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let convolution = try Convolution<Element>(
      builder, residual: builder.optionalInput(3), clamp: FusedConvolution.clamp(of: builder.node))
    try convolution.emit(into: &builder)
  }
}
