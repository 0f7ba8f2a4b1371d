/// DepthToSpace-13 and SpaceToDepth (newest form, with `mode`): blocks of channels to blocks of pixels, and back.
enum DepthSpace {
  static let operators: [Operator] = [
    Operator(
      "DepthToSpace", inputs: 1...1, infer: { try infer(&$0) }, kernel: moving(DepthToSpaceKernel.self)),
    Operator(
      "SpaceToDepth", inputs: 1...1, infer: { try infer(&$0) }, kernel: moving(SpaceToDepthKernel.self)),
  ]

  private static func infer(_ inference: inout TypeInference) throws {
    let block = try inference.node.int("blocksize")
    guard (1...1 << 15).contains(block) else {
      throw GraphError(.invalidAttribute, "'blocksize' can't be \(block)")
    }
    guard let x = inference.shape(0) else { return inference.set(0, inference.elementType(0), nil) }
    guard x.count == 4 else { throw inference.mismatch("the input must have 4 axes [N, C, H, W]") }
    let toSpace = inference.node.op.type == "DepthToSpace"
    let divided = toSpace ? [(x[1], block * block)] : [(x[2], block), (x[3], block)]
    for (extent, divisor) in divided {
      if let value = extent.value, value % divisor != 0 {
        throw inference.mismatch("an extent of \(value) can't be divided into blocks of \(divisor)")
      }
    }
    inference.set(
      0, inference.elementType(0),
      toSpace
        ? [x[0], .floorDivide(x[1], by: block * block), x[2] * .fixed(block), x[3] * .fixed(block)]
        : [x[0], x[1] * .fixed(block * block), .floorDivide(x[2], by: block), .floorDivide(x[3], by: block)])
  }

  /// Emits the copy that reads `x`, seen under the extents `split`, in the order of axes `order`.
  fileprivate static func emit<Element: BitwiseCopyable>(
    _ builder: inout KernelBuilder, split: [Int], order: [Int], as: Element.Type
  ) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    let strides = split.rowMajorStrides
    let walk = Broadcast(extents: order.map { split[$0] }, strides: order.map { strides[$0] })
    builder.emit { $0.copy(walk, $0.input(x, as: Element.self), $0.output(y, as: Element.self)) }
  }
}

private enum DepthToSpaceKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let x = try builder.input(0).shape
    let block = try builder.node.int("blocksize")
    let channels = x[1] / (block * block)
    switch try builder.node.string("mode", default: "DCR") {
    case "DCR":
      try DepthSpace.emit(
        &builder, split: [x[0], block, block, channels, x[2], x[3]], order: [0, 3, 4, 1, 5, 2],
        as: Element.self)
    case "CRD":
      try DepthSpace.emit(
        &builder, split: [x[0], channels, block, block, x[2], x[3]], order: [0, 1, 4, 2, 5, 3],
        as: Element.self)
    case let other: throw GraphError(.invalidAttribute, "mode '\(other)' is not known")
    }
  }
}

private enum SpaceToDepthKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let x = try builder.input(0).shape
    let block = try builder.node.int("blocksize")
    let split = [x[0], x[1], x[2] / block, block, x[3] / block, block]
    switch try builder.node.string("mode", default: "DCR") {
    case "DCR": try DepthSpace.emit(&builder, split: split, order: [0, 3, 5, 1, 2, 4], as: Element.self)
    case "CRD": try DepthSpace.emit(&builder, split: split, order: [0, 1, 3, 5, 2, 4], as: Element.self)
    case let other: throw GraphError(.invalidAttribute, "mode '\(other)' is not known")
    }
  }
}
