import CKernels

/// Concat on blocked tensors, by whole channel blocks. The plan lets its inputs be made in their place where it can;
/// the kernel copies the rest.
enum BlockedJoining {
  static let concatenation = BlockedImplementation(
    form: { query in
      guard try query.node.int("axis") == 1 || query.node.int("axis") == -3,
        query.isImage(query.outputs.first ?? nil),
        query.inputs.allSatisfy(query.isImage),
        query.inputs.dropLast().allSatisfy({ $0?.concreteShape.map { $0[1] % 16 == 0 } ?? false })
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
      guard [1, -3].contains(try query.node.int("axis", default: 0)), query.isImage(query.input(0)),
        query.outputs.allSatisfy(query.isImage),
        query.outputs.dropLast().allSatisfy({ $0?.concreteShape.map { $0[1] % 16 == 0 } ?? false })
      else { return nil }
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
}
