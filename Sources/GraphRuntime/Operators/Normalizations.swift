import ONNXParse
import RealModule

/// Normalisation by statistics of the input itself: LayerNormalization-17, RMSNormalization-23,
/// InstanceNormalization-22, GroupNormalization-21.
enum Normalizations {
  static let operators: [Operator] = [layer, rootMeanSquare, instance, group]

  /// LayerNormalization: X, Scale, B? normalised over the axes from `axis` on; outputs Y, Mean?, InvStdDev?.
  private static let layer = Operator(
    "LayerNormalization", inputs: 2...3, outputs: 1...3, infer: { try inferLayer(&$0) },
    kernel: floating(LayerNormalizationKernel.self))

  /// RMSNormalization: X, scale; x / √(mean(x²) + epsilon) · scale over the axes from `axis` on.
  private static let rootMeanSquare = Operator(
    "RMSNormalization", inputs: 2...2,
    infer: { inference in
      try inferLayer(&inference)
      inference.set(0, inference.elementType(1), inference.shape(0))
    },
    kernel: { builder in
      // The scale and with it the output may be of another type than the input.
      let types = [try builder.input(0).elementType, try builder.input(1).elementType]
      guard types[0] != types[1] else { return try floating(LayerNormalizationKernel.self)(&builder) }
      for type in types where !type.isFloatingPoint { throw builder.unsupportedType(type) }
      let type: ElementType = types.contains(.float64) ? .float64 : .float32
      try builder.converting(inputs: [0: type, 1: type], outputs: [0: type]) {
        try floating(LayerNormalizationKernel.self)(&$0)
      }
    })

  /// InstanceNormalization: input [N, C, D1...], scale [C], B [C]; every plane by its own mean and variance.
  private static let instance = Operator(
    "InstanceNormalization", inputs: 3...3, infer: { try inferChannels(&$0) },
    kernel: floating(GroupNormalizationKernel.self))

  /// GroupNormalization: X [N, C, D1...], scale [C], bias [C]; by groups of `num_groups` channels.
  private static let group = Operator(
    "GroupNormalization", inputs: 3...3,
    infer: { inference in
      let groups = try inference.node.int("num_groups")
      guard groups > 0, (inference.shape(0)?.dropFirst().first?.value ?? groups) % groups == 0 else {
        throw inference.mismatch("the channels can't be divided into \(groups) groups")
      }
      try inferChannels(&inference)
    }, kernel: floating(GroupNormalizationKernel.self))

  private static func inferLayer(_ inference: inout TypeInference) throws {
    inference.same()
    guard let x = inference.shape(0) else { return }
    let axis = try inference.normalized(try inference.node.int("axis", default: -1), rank: x.count)
    for index in 1..<max(2, inference.node.inputs.count) { try inference.requireBroadcast(index, to: x) }
    let statistics = x.prefix(axis) + [Dimension](repeating: 1, count: x.count - axis)
    let type: ElementType? =
      try inference.node.int("stash_type", default: 1) == 1 ? .float32 : inference.elementType(0)
    inference.set(1, type, Array(statistics))
    inference.set(2, type, Array(statistics))
  }

  private static func inferChannels(_ inference: inout TypeInference) throws {
    inference.same()
    guard let x = inference.shape(0) else { return }
    guard x.count >= 2 else { throw inference.mismatch("the input must have at least 2 axes [N, C, ...]") }
    for index in 1...2 {
      try inference.requireVector(index, of: x[1], "input \(index) must have the channels of the input")
    }
  }
}

/// Mean and 1/√(variance + epsilon) of consecutive elements.
private func statistics<Element: FloatingElement>(
  _ x: UnsafePointer<Element>, _ count: Int, epsilon: Element, centred: Bool = true
) -> (mean: Element, inverse: Element) {
  let elements = UnsafeBufferPointer(start: x, count: count)
  let mean = centred ? elements.sum() / Element(count) : 0
  let variance = elements.sum { ($0 - mean) * ($0 - mean) } / Element(count)
  return (mean, 1 / (variance + epsilon).squareRoot())
}

/// LayerNormalization and RMSNormalization.
private struct LayerNormalizationKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    guard y.count > 0 else { return }
    let axis = try builder.node.int("axis", default: -1)
    let position = axis < 0 ? axis + x.shape.count : axis
    let count = x.shape.dropFirst(position).reduce(1, *)
    let epsilon = Element(try builder.node.float("epsilon", default: 1e-5))
    let centred = builder.node.op.type == "LayerNormalization"
    let affine = (scale: try builder.input(1), shift: builder.optionalInput(2))
    let rows = (
      scale: BroadcastRows(affine.scale.shape, to: x.shape),
      shift: BroadcastRows(affine.shift?.shape ?? [], to: x.shape)
    )
    let (means, inverses) = (builder.optionalOutput(1), builder.optionalOutput(2))
    let length = rows.scale.length
    builder.emit { memory in
      let (source, target) = (
        memory.pointer(x.slot, as: Element.self), memory.pointer(y.slot, as: Element.self)
      )
      let scale = memory.pointer(affine.scale.slot, as: Element.self)
      let shift = affine.shift.map { memory.pointer($0.slot, as: Element.self) }
      memory.forEachStretch(of: y.count / count, weight: 2 * count) { range in
        for slab in range {
          let (mean, inverse) = statistics(source + slab * count, count, epsilon: epsilon, centred: centred)
          if let means { store(mean, means, slab, memory) }
          if let inverses { store(inverse, inverses, slab, memory) }
          for row in slab * count / length..<(slab + 1) * count / length {
            let (from, to) = (source + row * length, target + row * length)
            let factors = scale + rows.scale.offset(row)
            for column in 0..<length {
              to[column] = (from[column] - mean) * inverse * factors[column * rows.scale.step]
            }
            guard let shift else { continue }
            let terms = shift + rows.shift.offset(row)
            for column in 0..<length { to[column] += terms[column * rows.shift.step] }
          }
        }
      }
    }
  }

  private static func store<Element: FloatingElement>(
    _ value: Element, _ operand: KernelBuilder.Operand, _ index: Int, _ memory: StepMemory
  ) {
    if operand.elementType == .float32 {
      memory.pointer(operand.slot, as: Float.self)[index] = Float(value)
    } else {
      memory.pointer(operand.slot, as: Element.self)[index] = value
    }
  }
}

/// InstanceNormalization and GroupNormalization: one group of channels of one image at a time.
private struct GroupNormalizationKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    let (scale, shift) = (try builder.input(1), try builder.input(2))
    let planes = ChannelPlanes(x.shape)
    let groups =
      builder.node.op.type == "GroupNormalization" ? try builder.node.int("num_groups") : planes.channels
    let epsilon = Element(try builder.node.float("epsilon", default: 1e-5))
    guard y.count > 0, groups > 0 else { return }
    let share = planes.channels / groups
    builder.emit { memory in
      let (source, target) = (
        memory.pointer(x.slot, as: Element.self), memory.pointer(y.slot, as: Element.self)
      )
      let (scale, shift) = (
        memory.pointer(scale.slot, as: Element.self), memory.pointer(shift.slot, as: Element.self)
      )
      memory.parallel(planes.batch * groups) { chunk, _ in
        let first = chunk * share * planes.length
        let (mean, inverse) = statistics(source + first, share * planes.length, epsilon: epsilon)
        for channel in 0..<share {
          let index = chunk % groups * share + channel
          let factor = inverse * scale[index]
          let offset = shift[index] - mean * factor
          let start = first + channel * planes.length
          for position in start..<start + planes.length {
            target[position] = source[position] * factor + offset
          }
        }
      }
    }
  }
}
