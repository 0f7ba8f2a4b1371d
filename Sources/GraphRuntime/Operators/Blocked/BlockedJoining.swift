import CKernels

/// Concat on blocked tensors, by images or by whole channel blocks. The plan lets its inputs be made in their place where
/// it can; the kernel copies the rest.
enum BlockedJoining {
  static let concatenation = BlockedImplementation(
    form: { query in
      guard let axis = try axis(query, whole: query.outputs.first ?? nil, parts: query.inputs) else {
        return nil
      }
      return BlockedForm(inputs: Set(query.inputs.indices), sharing: .joins(axis))
    },
    kernel: { builder in
      let y = try builder.output()
      for (x, part, offset) in try parts(
        builder.inputs.indices.map { try builder.input($0) }, of: y, builder.node)
      {
        builder.emit { memory in
          var (source, part) = (x.tensor, part)
          let (from, to) = (
            memory.pointer(x.slot, as: Float.self), memory.pointer(y.slot, as: Float.self) + offset
          )
          if from != to { csn_reorder(&source, from, &part, to, memory.pool) }
        }
      }
    })

  /// Split by images or by whole channel blocks. The plan lets the outputs lie where the input has them; the kernel copies
  /// the rest.
  static let split = BlockedImplementation(
    form: { query in
      guard let axis = try axis(query, whole: query.input(0), parts: query.outputs) else { return nil }
      return BlockedForm(inputs: [0], outputs: Set(query.outputs.indices), sharing: .splits(axis))
    },
    kernel: { builder in
      let x = try builder.input(0)
      for (y, part, offset) in try parts(
        builder.outputs.indices.map { try builder.output($0) }, of: x, builder.node)
      {
        builder.emit { memory in
          var (part, target) = (part, y.tensor)
          csn_reorder(
            &part, memory.pointer(x.slot, as: Float.self) + offset, &target, memory.pointer(y.slot),
            memory.pool)
        }
      }
    })

  /// Where operands lie in the one that joins them: its part for each, and that part's offset in floats.
  private static func parts(
    _ operands: [KernelBuilder.Operand], of whole: KernelBuilder.Operand, _ node: Node
  ) throws -> [(operand: KernelBuilder.Operand, part: csn_tensor, offset: Int)] {
    let axis = try imageAxis(of: node)
    var tensor = whole.tensor
    var (image, channel): (Int32, Int32) = (0, 0)
    return operands.map { operand in
      let extents = operand.tensor
      defer {
        if axis == .images { image += extents.images } else { channel += extents.channels }
      }
      var part = csn_tensor_channels(&tensor, extents.channels)
      part.images = extents.images
      return (
        operand, part, Int(image) * tensor.image_stride + csn_tensor_channel_offset(&tensor, channel)
      )
    }
  }

  /// The axis along which a node joins `parts`; nil where that is none of blocked tensors', or parts in the middle have
  /// broken blocks of channels.
  private static func axis(_ query: BlockedQuery, whole: TensorType?, parts: [TensorType?]) throws
    -> Operator.ImageAxis?
  {
    guard query.isImage(whole), parts.allSatisfy(query.isImage), let axis = try imageAxis(of: query.node)
    else {
      return nil
    }
    let areBlocks = parts.dropLast().allSatisfy { $0?.concreteShape.map { $0[1] % 16 == 0 } ?? false }
    return axis == .images || areBlocks ? axis : nil
  }

  /// The axis of a node that joins or splits images; nil where it is a spatial one.
  private static func imageAxis(of node: Node) throws -> Operator.ImageAxis? {
    // Concat must have the attribute, Split's is 0 by default.
    switch try node.int("axis", default: 0) {
    case 0, -4: .images
    case 1, -3: .channels
    default: nil
    }
  }
}
