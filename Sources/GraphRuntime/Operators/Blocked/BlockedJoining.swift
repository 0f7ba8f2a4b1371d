import CKernels

/// Concat on blocked tensors, by whole channel blocks. The plan lets its inputs be made in their place where it can;
/// the kernel copies the rest.
enum BlockedJoining {
  static let concatenation = BlockedImplementation(
    form: { query in
      guard
        joinsBlocks(
          query, axis: try query.node.int("axis"), whole: query.outputs.first ?? nil, parts: query.inputs)
      else { return nil }
      return BlockedForm(inputs: Set(query.inputs.indices), sharing: .joinsChannels)
    },
    kernel: { builder in
      let y = try builder.output()
      for (x, part, offset) in parts(try builder.inputs.indices.map { try builder.input($0) }, of: y) {
        builder.emit { memory in
          var (source, part) = (x.tensor, part)
          let (from, to) = (
            memory.pointer(x.slot, as: Float.self), memory.pointer(y.slot, as: Float.self) + offset
          )
          if from != to { csn_reorder(&source, from, &part, to, memory.pool) }
        }
      }
    })

  /// Split by whole channel blocks. The plan lets the outputs lie where the input has them; the kernel copies the rest.
  static let split = BlockedImplementation(
    form: { query in
      let axis = try query.node.int("axis", default: 0)
      guard joinsBlocks(query, axis: axis, whole: query.input(0), parts: query.outputs) else { return nil }
      return BlockedForm(inputs: [0], outputs: Set(query.outputs.indices), sharing: .splitsChannels)
    },
    kernel: { builder in
      let x = try builder.input(0)
      for (y, part, offset) in parts(try builder.outputs.indices.map { try builder.output($0) }, of: x) {
        builder.emit { memory in
          var (part, target) = (part, y.tensor)
          csn_reorder(
            &part, memory.pointer(x.slot, as: Float.self) + offset, &target, memory.pointer(y.slot),
            memory.pool)
        }
      }
    })

  /// Where operands lie in the one that joins their channels: its part for each, and that part's offset in floats.
  private static func parts(_ operands: [KernelBuilder.Operand], of whole: KernelBuilder.Operand)
    -> [(operand: KernelBuilder.Operand, part: csn_tensor, offset: Int)]
  {
    var tensor = whole.tensor
    var channel: Int32 = 0
    return operands.map { operand in
      let channels = operand.tensor.channels
      defer { channel += channels }
      return (
        operand, csn_tensor_channels(&tensor, channels), csn_tensor_channel_offset(&tensor, channel)
      )
    }
  }

  /// Whether images are joined along their channels, and all but the last have whole blocks of them.
  private static func joinsBlocks(
    _ query: BlockedQuery, axis: Int, whole: TensorType?, parts: [TensorType?]
  ) -> Bool {
    [1, -3].contains(axis) && query.isImage(whole) && parts.allSatisfy(query.isImage)
      && parts.dropLast().allSatisfy { $0?.concreteShape.map { $0[1] % 16 == 0 } ?? false }
  }
}
