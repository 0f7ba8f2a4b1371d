import CKernels
import ONNXParse

/// Arithmetic with one number a channel on blocked tensors: y = scale * x + shift.
enum BlockedChannelwise {
  /// BatchNormalization that was not folded into a convolution, with constant statistics.
  static let batchNormalization = BlockedImplementation(
    form: { query in
      guard query.isImage(query.input(0)), query.outputs.dropFirst().allSatisfy({ $0 == nil }),
        try !query.node.flag("training_mode", default: false),
        (1...4).allSatisfy({ query.constant($0)?.elementType == .float32 })
      else { return nil }
      return BlockedForm(inputs: [0], sharing: .overwrites([0]))
    },
    kernel: { builder in
      let epsilon = try builder.node.float("epsilon", default: 1e-5)
      let numbers = try (1...4).map { try builder.input($0).constant?.elements(Float.self) ?? [] }
      let scale = zip(numbers[0], numbers[3]).map { $0 / ($1 + epsilon).squareRoot() }
      let shift = zip(numbers[1], zip(numbers[2], scale)).map { $0 - $1.0 * $1.1 }
      try emit(
        &builder, image: 0, scale: builder.addPadded(scale), shift: builder.addPadded(shift), imageStride: 0)
    })

  /// A binary operator's numbers by channel.
  private struct Numbers {
    /// The input that has them; the other one is the image.
    let input: Int
    /// Whether they are known; else they are blocked themselves, [1, C, 1, 1] or [N, C, 1, 1].
    let isConstant: Bool
    var image: Int { 1 - input }

    init?(_ query: BlockedQuery) {
      for input in 0..<2 where query.inputs.count == 2 {
        guard query.isImage(query.input(1 - input)), let image = query.shape(1 - input),
          image == query.outputShape, query.input(input)?.elementType == .float32,
          let shape = query.shape(input), shape.count <= 4
        else { continue }
        let extents = [Int](repeating: 1, count: 4 - shape.count) + shape
        guard extents[1] == image[1], extents[2...] == [1, 1] else { continue }
        if query.constant(input) != nil, extents[0] == 1 {
          self.input = input
          isConstant = true
          return
        }
        if shape.count == 4, extents[0] == image[0] || extents[0] == 1 {
          self.input = input
          isConstant = false
          return
        }
      }
      return nil
    }
  }

  /// The form of a binary operator where one input has a number for each channel; nil where it is not served.
  static func form(_ query: BlockedQuery, _ op: csn_binary_op) -> BlockedForm? {
    guard let numbers = Numbers(query) else { return nil }
    switch op {
    case CSN_ADD, CSN_MULTIPLY: break
    // The numbers are turned into others, which are made once.
    case CSN_SUBTRACT, CSN_DIVIDE: guard numbers.isConstant, numbers.image == 0 else { return nil }
    default: return nil
    }
    return BlockedForm(
      inputs: numbers.isConstant ? [numbers.image] : [0, 1], sharing: .overwrites([numbers.image]))
  }

  /// Prepares what `form` has served.
  static func prepare(_ builder: inout KernelBuilder, _ op: csn_binary_op) throws {
    guard let numbers = Numbers(BlockedQuery(builder)) else {
      throw GraphError(.shapeMismatch, "the operands are not an image and its channels' numbers")
    }
    let operand = try builder.input(numbers.input)
    var slot = operand.slot
    if numbers.isConstant {
      let count = operand.count
      let change: @Sendable (Float) -> Float =
        switch op {
        case CSN_SUBTRACT: { -$0 }
        case CSN_DIVIDE: { 1 / $0 }
        default: { $0 }
        }
      slot = try builder.addDerivedConstant(
        from: numbers.input, form: "channels-\(op.rawValue)",
        byteCount: paddedCount(count) * MemoryLayout<Float>.stride
      ) { values, padded in
        let values = values.assumingMemoryBound(to: Float.self)
        let padded = padded.initializeMemory(as: Float.self, repeating: 0, count: paddedCount(count))
        for channel in 0..<count { padded[channel] = change(values[channel]) }
      }
    }
    let isShift = op == CSN_ADD || op == CSN_SUBTRACT
    try emit(
      &builder, image: numbers.image, scale: isShift ? nil : slot, shift: isShift ? slot : nil,
      imageStride: operand.shape.count == 4 && operand.shape[0] > 1
        ? operand.imageStride ?? paddedCount(operand.shape[1]) : 0)
  }

  /// Adds the step; numbers that are left out are ones and zeros.
  private static func emit(
    _ builder: inout KernelBuilder, image: Int, scale: Int?, shift: Int?, imageStride: Int
  ) throws {
    let (x, y) = (try builder.input(image), try builder.output())
    let (input, output) = (x.tensor, y.tensor)
    builder.emit { memory in
      var (input, output) = (input, output)
      csn_channel_affine(
        &input, memory.pointer(x.slot), scale.map { UnsafePointer(memory.pointer($0)) },
        shift.map { UnsafePointer(memory.pointer($0)) }, imageStride, -.infinity, .infinity, &output,
        memory.pointer(y.slot), memory.pool)
    }
  }

  /// Channels rounded up to whole blocks.
  fileprivate static func paddedCount(_ channels: Int) -> Int {
    let block = Int(csn_block)
    return ceilDivide(channels, block) * block
  }
}

extension KernelBuilder {
  /// A constant of the channels' numbers, filled up with zeros to whole blocks.
  fileprivate mutating func addPadded(_ numbers: [Float]) -> Int {
    let count = BlockedChannelwise.paddedCount(numbers.count)
    return addConstant(
      ByteRegion(count: count * MemoryLayout<Float>.stride) { memory in
        let padded = memory.bindMemory(to: Float.self)
        padded.initialize(repeating: 0)
        for (channel, number) in numbers.enumerated() { padded[channel] = number }
      })
  }
}
