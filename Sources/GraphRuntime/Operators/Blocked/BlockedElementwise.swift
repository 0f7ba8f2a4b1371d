import CKernels

/// Element-wise operators on blocked tensors: memory is memory, as long as all operands are laid out alike.
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
        let count = y.heldCount
        builder.emit { memory in
          csn_binary(
            op, memory.pointer(a.slot), memory.pointer(b.slot), memory.pointer(y.slot), count, memory.pool)
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
        let count = y.heldCount
        builder.emit { memory in
          csn_unary(
            function.op, memory.pointer(x.slot), function.a, function.b, memory.pointer(y.slot), count,
            memory.pool)
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

extension KernelBuilder.Operand {
  /// Elements held in memory, those that fill up the last channel block included.
  var heldCount: Int { (type.byteCount ?? 0) * 8 / (type.elementType.bitWidth ?? 8) }
}
