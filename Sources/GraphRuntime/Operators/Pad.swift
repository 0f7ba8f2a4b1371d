/// Pad: adds to, or with negative counts cuts from, both ends of axes (ONNX Pad-25): inputs data, pads, constant_value?,
/// axes?.
enum Padding {
  static let operators: [Operator] = [
    Operator("Pad", inputs: 2...4, infer: { try infer(&$0) }, kernel: moving(PadKernel.self))
  ]

  private static func infer(_ inference: inout TypeInference) throws {
    let type = inference.elementType(0)
    guard let x = inference.shape(0) else { return inference.set(0, type, nil) }
    let unknown = [Dimension](repeating: .unknown, count: x.count)
    guard inference.has(3) == false || inference.constant(3) != nil, let pads = inference.shapeValue(1) else {
      return inference.set(0, type, unknown)
    }
    let axes = try axes(inference.constant(3), rank: x.count)
    guard pads.count == 2 * axes.count else {
      throw inference.mismatch("'pads' must hold \(2 * axes.count) values, but holds \(pads.count)")
    }
    var shape = x
    for (index, axis) in axes.enumerated() {
      shape[axis] = x[axis] + pads[index] + pads[index + axes.count]
      if let extent = shape[axis].value, extent < 0 {
        throw inference.mismatch(
          "padding by \(pads[index]) and \(pads[index + axes.count]) leaves nothing of axis \(axis)")
      }
    }
    inference.set(0, type, shape)
  }

  /// The axes that the pads are for; all of them by default.
  static func axes(_ tensor: Tensor?, rank: Int) throws -> [Int] {
    guard let tensor else { return Array(0..<rank) }
    guard let axes = tensor.integers, axes.allSatisfy({ (-rank..<rank).contains($0) }) else {
      throw GraphError(.invalidInput, "'axes' must hold integers in \(-rank)..<\(rank)")
    }
    let normalized = axes.map { $0 < 0 ? $0 + rank : $0 }
    guard Set(normalized).count == normalized.count else {
      throw GraphError(.invalidInput, "'axes' names an axis twice: \(axes)")
    }
    return normalized
  }

  /// Emits the copy of `x` to `y` that begins `before` elements before each axis; `fill` is the slot of the value of
  /// mode `constant`, nil for zero.
  /// - Throws: `GraphError` for a mode that is not known, or that an empty axis doesn't have.
  static func emit<Element: BitwiseCopyable & Sendable>(
    _ builder: inout KernelBuilder, from x: KernelBuilder.Operand, to y: KernelBuilder.Operand, before: [Int],
    mode: String, fill: Int? = nil, as: Element.Type
  ) throws {
    let sources = try x.shape.indices.map { axis in
      try indices(mode, count: y.shape[axis], before: before[axis], extent: x.shape[axis])
    }
    AxisGather(sources: sources, input: x.shape).emit(&builder, from: x, to: y, fill: fill, as: Element.self)
  }

  /// The input index of every output index along one axis.
  private static func indices(_ mode: String, count: Int, before: Int, extent: Int) throws -> [Int] {
    guard extent > 0 || mode == "constant" || count == 0 else {
      throw GraphError(.invalidInput, "an empty axis can't be padded in mode '\(mode)'")
    }
    func positive(_ a: Int, modulo b: Int) -> Int { ((a % b) + b) % b }
    let map: (Int) -> Int
    switch mode {
    case "constant": map = { (0..<extent).contains($0) ? $0 : -1 }
    case "edge": map = { min(max($0, 0), extent - 1) }
    case "wrap": map = { positive($0, modulo: extent) }
    case "reflect":
      let period = max(2 * (extent - 1), 1)
      map = { index in
        let folded = positive(index, modulo: period)
        return folded < extent ? folded : period - folded
      }
    default: throw GraphError(.invalidAttribute, "mode '\(mode)' is not known")
    }
    return (0..<count).map { map($0 - before) }
  }
}

private enum PadKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    guard let pads = try builder.input(1).constant?.integers,
      builder.optionalInput(3) == nil || builder.optionalInput(3)?.constant != nil
    else { throw GraphError(.unknownValue, "the pads and axes of Pad must be known when the plan is made") }
    let amounts = try PadAmounts(pads: pads, axes: builder.optionalInput(3)?.constant, rank: x.shape.count)
    let fill = try builder.optionalInput(2).map { _ in try builder.single(2).slot }
    try Padding.emit(
      &builder, from: x, to: y, before: amounts.before,
      mode: builder.node.string("mode", default: "constant"), fill: fill, as: Element.self)
  }
}
