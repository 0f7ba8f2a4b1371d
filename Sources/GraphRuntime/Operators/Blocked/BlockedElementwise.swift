import CKernels

/// Element-wise operators on blocked tensors: memory is memory, as long as all operands' images are laid out alike.
enum BlockedElementwise {
  /// A binary operator on two tensors of one shape.
  static func binary(_ op: csn_binary_op) -> BlockedImplementation {
    BlockedImplementation(
      form: { query in
        guard query.inputs.count == 2, query.isImage(query.input(0)), query.shape(0) == query.shape(1),
          query.input(1)?.elementType == .float32
        else { return nil }
        return BlockedForm(inputs: [0, 1], sharing: .overwrites([0, 1]))
      },
      kernel: { builder in
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
      })
  }

  /// A unary function with its two parameters.
  struct Function: BitwiseCopyable {
    let op: csn_unary_op
    let a, b: Float
  }

  /// A unary operator; `function` answers nil where a parameter is not known.
  static func unary(_ function: @escaping @Sendable (BlockedQuery) throws -> Function?)
    -> BlockedImplementation
  {
    BlockedImplementation(
      form: { query in
        guard query.isImage(query.input(0)), try function(query) != nil else { return nil }
        return BlockedForm(inputs: [0], sharing: .overwrites([0]))
      },
      kernel: { builder in
        let (x, y) = (try builder.input(0), try builder.output())
        guard let function = try function(BlockedQuery(builder)) else {
          throw GraphError(.invalidGraph, "a parameter is not a constant")
        }
        let stretches = Stretches([x, y])
        let (source, result) = (stretches.walk(x), stretches.walk(y))
        builder.emit { memory in
          for index in 0..<stretches.count {
            csn_unary(
              function.op, source.start(index, memory), function.a, function.b, result.start(index, memory),
              stretches.length, memory.pool)
          }
        }
      })
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
    return bounds[0] <= bounds[1] ? Function(op: CSN_CLAMP, a: bounds[0], b: bounds[1]) : nil
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
}

extension KernelBuilder.Operand {
  /// Elements held in memory, those that fill up the last channel block included.
  var heldCount: Int { (type.byteCount ?? 0) * 8 / (type.elementType.bitWidth ?? 8) }
}
