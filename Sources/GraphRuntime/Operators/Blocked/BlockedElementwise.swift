import CKernels

/// Element-wise operators on blocked tensors: memory is memory, as long as all operands' images are laid out alike.
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
    let stretches = Stretches([a, b, y])
    let (first, second, result) = (stretches.walk(a), stretches.walk(b), stretches.walk(y))
    builder.emit { memory in
      for index in 0..<stretches.count {
        csn_binary(
          op, first.start(index, memory), second.start(index, memory), result.start(index, memory),
          stretches.length, memory.pool)
      }
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
      let stretches = Stretches([x, y])
      let (from, to) = (stretches.walk(x), stretches.walk(y))
      let count = stretches.length
      builder.emit { memory in
        for index in 0..<stretches.count {
          let (source, target) = (from.start(index, memory), to.start(index, memory))
          switch self {
          case .unary(let op, let a, let b): csn_unary(op, source, a, b, target, count, memory.pool)
          case .scalar(let op, let number): csn_binary_scalar(op, source, number, target, count, memory.pool)
          }
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
        let (x, y) = (try builder.input(0), try builder.output())
        let count = x.heldCount
        func emitRow(from source: Int, to target: Int) throws {
          func row(_ slot: Int) -> KernelBuilder.Operand {
            .init(slot: slot, type: TensorType(.float32, Shape([count])), shape: [count], constant: nil)
          }
          var flat = KernelBuilder(
            node: builder.node, inputs: [row(source)], outputs: [row(target)], threads: builder.threads,
            firstFreeSlot: builder.nextSlot)
          try prepare(&flat)
          builder.append(flat)
        }
        let stretches = Stretches([x, y])
        guard stretches.count > 1 else { return try emitRow(from: x.slot, to: y.slot) }
        // The kernel sees one row: images that lie apart are brought together first.
        let together = builder.addScratch(byteCount: count * MemoryLayout<Float>.stride)
        let (source, result) = (stretches.walk(x), stretches.walk(y))
        let row = Stretches.Walk(slot: together, step: stretches.length)
        builder.emit { stretches.copy(from: source, to: row, $0) }
        try emitRow(from: together, to: together)
        builder.emit { stretches.copy(from: row, to: result, $0) }
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

/// The stretches of memory that operands of one shape are walked in: all at once, or image by image where one's don't
/// lie one behind the other.
private struct Stretches: BitwiseCopyable {
  let count: Int
  /// Elements of one.
  let length: Int

  init(_ operands: [KernelBuilder.Operand]) {
    count = operands.contains { $0.imageStride != nil } ? operands[0].shape[0] : 1
    length = operands[0].heldCount / count
  }

  /// An operand's way through its memory.
  struct Walk: BitwiseCopyable {
    let slot: Int
    /// Elements from one stretch to the next.
    let step: Int

    func start(_ index: Int, _ memory: StepMemory) -> UnsafeMutablePointer<Float> {
      memory.pointer(slot) + index * step
    }
  }

  func walk(_ operand: KernelBuilder.Operand) -> Walk {
    Walk(slot: operand.slot, step: operand.imageStride ?? length)
  }

  func copy(from source: Walk, to target: Walk, _ memory: StepMemory) {
    for index in 0..<count {
      target.start(index, memory).update(from: source.start(index, memory), count: length)
    }
  }
}

extension KernelBuilder.Operand {
  /// Elements held in memory, those that fill up the last channel block included.
  var heldCount: Int { (type.byteCount ?? 0) * 8 / (type.elementType.bitWidth ?? 8) }
}
