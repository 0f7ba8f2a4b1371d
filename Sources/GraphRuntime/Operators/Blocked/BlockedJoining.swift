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
      var target = y.tensor
      var channel: Int32 = 0
      for index in builder.inputs.indices {
        let x = try builder.input(index)
        let source = x.tensor
        let part = csn_tensor_channels(&target, source.channels)
        let offset = csn_tensor_channel_offset(&target, channel)
        channel += source.channels
        builder.emit { memory in
          var (source, part) = (source, part)
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
      var source = x.tensor
      var channel: Int32 = 0
      for index in builder.outputs.indices {
        let y = try builder.output(index)
        let target = y.tensor
        let part = csn_tensor_channels(&source, target.channels)
        let offset = csn_tensor_channel_offset(&source, channel)
        channel += target.channels
        builder.emit { memory in
          var (part, target) = (part, target)
          csn_reorder(
            &part, memory.pointer(x.slot, as: Float.self) + offset, &target, memory.pointer(y.slot),
            memory.pool)
        }
      }
    })

  /// Whether images are joined along their channels, and all but the last have whole blocks of them.
  private static func joinsBlocks(
    _ query: BlockedQuery, axis: Int, whole: TensorType?, parts: [TensorType?]
  ) -> Bool {
    [1, -3].contains(axis) && query.isImage(whole) && parts.allSatisfy(query.isImage)
      && parts.dropLast().allSatisfy { $0?.concreteShape.map { $0[1] % 16 == 0 } ?? false }
  }
}
