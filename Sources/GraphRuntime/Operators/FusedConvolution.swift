/// Conv with what follows it: Y = clamp(Conv(X, W, B) + residual), made by `ConvolutionFusion`.
///
/// Inputs X, W, B?, residual? [as Y]; attributes those of Conv, and `activation`: absent, `Relu`, or `Clip` with
/// `minimum` and `maximum`; and `padding`: absent for zeros, or `edge` for the nearest elements, as Pad has them (made by
/// `EdgePadFolding`).
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

  /// Whether `pads` are filled with the nearest elements.
  /// - Throws: `GraphError` for a padding that is not known, or whose width only the shape decides.
  static func isPaddedByEdge(_ node: Node) throws -> Bool {
    guard node.op == name, node.attributes["padding"] != nil else { return false }
    let (padding, auto) = (try node.string("padding", default: ""), try node.string("auto_pad", default: ""))
    guard padding == "edge" else {
      throw GraphError(.invalidAttribute, "padding '\(padding)' is not known")
    }
    guard ["", "NOTSET"].contains(auto) else {
      throw GraphError(.invalidAttribute, "padding 'edge' needs 'pads', but auto_pad is '\(auto)'")
    }
    return true
  }

  /// Whether a node is a convolution of this kind that more can be fused into: nothing follows its sums yet.
  static func endsInSums(_ node: Node) -> Bool {
    node.op == name && node.input(3) == nil && node.attributes["activation"] == nil
  }

  /// Replaces a node by the standard operators it stands for.
  static func expand(_ node: Node, type: ValueType?, into patch: inout GraphPatch) throws {
    guard let output = node.output(0) else { return }
    let own: Set<String> = ["activation", "minimum", "maximum", "padding"]
    var inputs = Array(node.inputs.prefix(3))
    var attributes = node.attributes.filter { !own.contains($0.key) }
    if try isPaddedByEdge(node), let pads = attributes.removeValue(forKey: "pads")?.ints {
      let padded = patch.addValue(node.name + "_padded", nil)
      let amounts = PadAmounts(window: pads).pads.map(Int64.init)
      patch.addNode(
        "Pad", name: node.name + "_pad",
        inputs: [
          node.input(0), patch.addInitializer(node.name + "_pads", Tensor(amounts, shape: [amounts.count])),
        ],
        outputs: [padded], attributes: ["mode": .string("edge")])
      inputs[0] = padded
    }
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
      "Conv", name: node.name, inputs: inputs, outputs: [current], attributes: attributes)
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
    guard try FusedConvolution.isPaddedByEdge(builder.node) else {
      return try convolve(&builder, as: Element.self)
    }
    var inner = try builder.withPaddedInput(as: Element.self)
    try convolve(&inner, as: Element.self)
    builder.append(inner)
  }

  private static func convolve<Element: FloatingElement>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let convolution = try Convolution<Element>(
      builder, residual: builder.optionalInput(3), clamp: FusedConvolution.clamp(of: builder.node))
    try convolution.emit(into: &builder)
  }
}

extension KernelBuilder {
  /// Emits a copy of the input with the nearest elements around it, and returns a builder for the convolution of that copy,
  /// which has no padding.
  fileprivate mutating func withPaddedInput<Element: FloatingElement>(as: Element.Type) throws
    -> KernelBuilder
  {
    let (x, w) = (try input(0), try input(1))
    let amounts = PadAmounts(window: try WindowAttributes(node, kernel: Array(w.shape.dropFirst(2))).pads)
    let shape = x.shape.indices.map { x.shape[$0] + amounts.before[$0] + amounts.after[$0] }
    guard amounts.pads.allSatisfy({ abs($0) <= PadAmounts.mostOfConvolutions }),
      let count = shape.elementCount,
      let byteCount = x.elementType.byteCount(of: count)
    else {
      throw GraphError(.limitExceeded, "\(x.type) can't be padded by \(amounts.before) and \(amounts.after)")
    }
    let padded = Operand(
      slot: addScratch(byteCount: byteCount), type: TensorType(x.elementType, Shape(shape)), shape: shape,
      constant: nil)
    try Padding.emit(&self, from: x, to: padded, before: amounts.before, mode: "edge", as: Element.self)
    var bare = node
    bare.attributes["pads"] = nil
    bare.attributes["padding"] = nil
    return KernelBuilder(
      node: bare, inputs: [padded] + inputs.dropFirst(), outputs: outputs, threads: threads,
      firstFreeSlot: nextSlot)
  }
}
