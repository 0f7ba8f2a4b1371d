import CKernels

/// Element-wise operators on blocked tensors: memory is memory, as long as all operands are laid out alike.
enum BlockedElementwise {
  /// A binary operator on two tensors of one shape, on a tensor and a constant number, or on a tensor and numbers by
  /// channel.
  static func binary(_ op: csn_binary_op) -> BlockedImplementation {
    BlockedImplementation(
      form: { query in
        if isAlike(query, op) { return BlockedForm(inputs: [0, 1], sharing: .overwrites([0, 1])) }
        if let (image, _) = scalar(query, op) {
          return BlockedForm(inputs: [image], sharing: .overwrites([image]))
        }
        return BlockedChannelwise.form(query, op)
      },
      kernel: { builder in
        let query = BlockedQuery(builder)
        if isAlike(query, op) {
          try emitAlike(&builder, op)
        } else if let (image, function) = scalar(query, op) {
          try function.emit(&builder, from: image)
        } else {
          try BlockedChannelwise.prepare(&builder, op)
        }
      })
  }

  private static func isAlike(_ query: BlockedQuery, _ op: csn_binary_op) -> Bool {
    query.inputs.count == 2 && query.isImage(query.input(0)) && query.shape(0) == query.shape(1)
      && query.input(1)?.elementType == .float32
      // Zeros past the last channel would be divided by zeros.
      && (op != CSN_DIVIDE || query.hasWholeBlocks)
  }

  private static func emitAlike(_ builder: inout KernelBuilder, _ op: csn_binary_op) throws {
    let (a, b, y) = (try builder.input(0), try builder.input(1), try builder.output())
    let count = y.heldCount
    builder.emit { memory in
      csn_binary(
        op, memory.pointer(a.slot), memory.pointer(b.slot), memory.pointer(y.slot), count, memory.pool)
    }
  }

  /// The tensor's input and the function of its elements where the other input is a constant number.
  private static func scalar(_ query: BlockedQuery, _ op: csn_binary_op) -> (image: Int, Function)? {
    guard query.inputs.count == 2 else { return nil }
    for image in 0..<2 {
      guard query.isImage(query.input(image)), query.shape(image) == query.outputShape,
        let constant = query.constant(1 - image), constant.elementType == .float32, constant.count == 1
      else { continue }
      let number = constant.elements(Float.self)[0]
      // What lies past the last channel must stay finite.
      guard number.isFinite, op != CSN_DIVIDE || (image == 0 && number != 0) else { return nil }
      if op == CSN_SUBTRACT, image == 1 { return (image, .unary(CSN_AFFINE, a: -1, b: number)) }
      return (image, .scalar(op, number))
    }
    return nil
  }

  /// A function of one element, with its parameters.
  enum Function: BitwiseCopyable {
    case unary(csn_unary_op, a: Float = 0, b: Float = 0)
    case scalar(csn_binary_op, Float)

    fileprivate func emit(_ builder: inout KernelBuilder, from input: Int = 0) throws {
      let (x, y) = (try builder.input(input), try builder.output())
      let count = y.heldCount
      builder.emit { memory in
        let (source, target) = (
          memory.pointer(x.slot, as: Float.self), memory.pointer(y.slot, as: Float.self)
        )
        switch self {
        case .unary(let op, let a, let b): csn_unary(op, source, a, b, target, count, memory.pool)
        case .scalar(let op, let number): csn_binary_scalar(op, source, number, target, count, memory.pool)
        }
      }
    }
  }

  /// A unary operator; `function` answers nil where it is not served.
  static func unary(_ function: @escaping @Sendable (BlockedQuery) throws -> Function?)
    -> BlockedImplementation
  {
    BlockedImplementation(
      form: { query in
        guard query.isImage(query.input(0)), try function(query) != nil else { return nil }
        return BlockedForm(inputs: [0], sharing: .overwrites([0]))
      },
      kernel: { builder in
        guard let function = try function(BlockedQuery(builder)) else {
          throw GraphError(.invalidGraph, "a parameter is not a constant")
        }
        try function.emit(&builder)
      })
  }

  /// A unary operator whose row-major kernel serves blocked memory as well; finite numbers must stay finite under it.
  static func flat(_ prepare: @escaping PrepareKernel) -> BlockedImplementation {
    BlockedImplementation(
      form: { $0.isImage($0.input(0)) ? BlockedForm(inputs: [0], sharing: .overwrites([0])) : nil },
      kernel: { builder in
        func row(_ operand: KernelBuilder.Operand) -> KernelBuilder.Operand {
          let shape = [operand.heldCount]
          return .init(
            slot: operand.slot, type: TensorType(.float32, Shape(shape)), shape: shape, constant: nil)
        }
        var flat = KernelBuilder(
          node: builder.node, inputs: [row(try builder.input(0))], outputs: [row(try builder.output())],
          threads: builder.threads, firstFreeSlot: builder.nextSlot)
        try prepare(&flat)
        builder.append(flat)
      })
  }

  /// An operator that makes numbers past the last channel infinite or undefined, such as Sqrt: served where there are
  /// none.
  static func onWholeBlocks(_ op: csn_unary_op) -> BlockedImplementation {
    unary { $0.hasWholeBlocks ? .unary(op) : nil }
  }

  /// Clip with constant bounds.
  @Sendable static func clip(_ query: BlockedQuery) -> Function? {
    var bounds: [Float] = [-.infinity, .infinity]
    for position in 0..<2 where query.input(position + 1) != nil {
      guard let bound = query.constants[position + 1], bound.elementType == .float32, bound.count == 1 else {
        return nil
      }
      bounds[position] = bound.elements(Float.self)[0]
    }
    // Where the bounds are crossed, ONNX gives the upper one everywhere, and this kernel does not.
    return bounds[0] <= bounds[1] ? .unary(CSN_CLAMP, a: bounds[0], b: bounds[1]) : nil
  }

  /// PRelu with one constant slope for all channels.
  @Sendable static func parametricRelu(_ query: BlockedQuery) -> Function? {
    guard let slope = query.constant(1), slope.elementType == .float32, slope.count == 1 else { return nil }
    let number = slope.elements(Float.self)[0]
    return number.isFinite ? .unary(CSN_LEAKY_RELU, a: number) : nil
  }

  /// HardSigmoid with its slope and offset.
  @Sendable static func hardSigmoid(_ query: BlockedQuery) throws -> Function? {
    .unary(
      CSN_HARD_SIGMOID, a: try query.node.float("alpha", default: 0.2),
      b: try query.node.float("beta", default: 0.5))
  }
}

extension KernelBuilder.Operand {
  /// Elements held in memory, those that fill up the last channel block included.
  var heldCount: Int { (type.byteCount ?? 0) * 8 / (type.elementType.bitWidth ?? 8) }
}
