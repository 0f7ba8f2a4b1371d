import ONNXParse

/// BatchNormalization: inputs X [N, C, D1...], scale, B, mean, var [C]; with training_mode also the running mean and
/// variance as outputs (ONNX BatchNormalization-15).
enum BatchNormalization {
  static let operators: [Operator] = [
    Operator(
      "BatchNormalization", inputs: 5...5, outputs: 1...3, sharing: .overwrites([0]),
      infer: { try infer(&$0) },
      kernel: floating(BatchNormalizationKernel.self))
  ]

  private static func infer(_ inference: inout TypeInference) throws {
    let channels: Dimension? = inference.shape(0).map { $0.count > 1 ? $0[1] : 1 }
    for index in 1...4 {
      guard let shape = inference.shape(index) else { continue }
      guard shape.count == 1 else { throw inference.mismatch("input \(index) must have one axis") }
      if let count = shape[0].value, let channels = channels?.value, count != channels {
        throw inference.mismatch("input \(index) must have the \(channels) channels of the input")
      }
    }
    guard try inference.node.flag("training_mode", default: false) || inference.node.outputs.count == 1 else {
      throw GraphError(.invalidGraph, "the running mean and variance are outputs only with training_mode")
    }
    inference.same()
    inference.set(1, inference.elementType(3), channels.map { [$0] })
    inference.set(2, inference.elementType(4), channels.map { [$0] })
  }
}

private struct BatchNormalizationKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    for index in 0..<5 where try builder.input(index).elementType != Element.elementType {
      throw builder.unsupportedType(try builder.input(index).elementType)
    }
    let x = try builder.input(0)
    let planes = ChannelPlanes(x.shape)
    let epsilon = Element(try builder.node.float("epsilon", default: 1e-5))
    let (scale, shift) = (try builder.input(1).slot, try builder.input(2).slot)
    var (mean, variance) = (try builder.input(3).slot, try builder.input(4).slot)
    if try builder.node.flag("training_mode", default: false) {
      let computed = (
        builder.addScratch(byteCount: planes.channels * MemoryLayout<Element>.stride),
        builder.addScratch(byteCount: planes.channels * MemoryLayout<Element>.stride)
      )
      try emitStatistics(&builder, planes, into: computed, Element.self)
      (mean, variance) = computed
    }
    let y = try builder.output()
    let inputs = (mean, variance)
    builder.emit { memory in
      let (source, target) = (
        memory.pointer(x.slot, as: Element.self), memory.pointer(y.slot, as: Element.self)
      )
      let (mean, variance) = (
        memory.pointer(inputs.0, as: Element.self), memory.pointer(inputs.1, as: Element.self)
      )
      let (scale, shift) = (memory.pointer(scale, as: Element.self), memory.pointer(shift, as: Element.self))
      memory.forEachStretch(of: planes.count, weight: planes.length) { range in
        for plane in range {
          let channel = plane % planes.channels
          let factor = scale[channel] / (variance[channel] + epsilon).squareRoot()
          let offset = shift[channel] - mean[channel] * factor
          let start = plane * planes.length
          for index in start..<start + planes.length { target[index] = source[index] * factor + offset }
        }
      }
    }
  }

  /// Training mode: mean and variance of the batch, and the running ones moved towards them.
  private static func emitStatistics<Element: FloatingElement>(
    _ builder: inout KernelBuilder, _ planes: ChannelPlanes, into slots: (mean: Int, variance: Int),
    _: Element.Type
  ) throws {
    let x = try builder.input(0)
    let momentum = Element(try builder.node.float("momentum", default: 0.9))
    let old = (mean: try builder.input(3).slot, variance: try builder.input(4).slot)
    let (newMean, newVariance) = (builder.optionalOutput(1), builder.optionalOutput(2))
    builder.emit { memory in
      let source = memory.pointer(x.slot, as: Element.self)
      memory.parallel(planes.channels) { channel, _ in
        func average(_ transform: (SIMD16<Element>) -> SIMD16<Element>) -> Element {
          let sums = (0..<planes.batch).map { image in
            UnsafeBufferPointer(
              start: source + (image * planes.channels + channel) * planes.length, count: planes.length
            ).sum(of: transform)
          }
          return sums.reduce(0, +) / Element(planes.batch * planes.length)
        }
        let mean = average { $0 }
        let variance = average { ($0 - mean) * ($0 - mean) }
        memory.pointer(slots.mean, as: Element.self)[channel] = mean
        memory.pointer(slots.variance, as: Element.self)[channel] = variance
        for (output, old, new) in [(newMean, old.mean, mean), (newVariance, old.variance, variance)] {
          guard let output else { continue }
          memory.pointer(output.slot, as: Element.self)[channel] =
            memory.pointer(old, as: Element.self)[channel] * momentum + new * (1 - momentum)
        }
      }
    }
  }
}

/// A tensor [N, C, D1...] as N·C planes; one axis counts as N with a single channel.
struct ChannelPlanes: Sendable {
  let batch, channels, length: Int
  var count: Int { batch * channels }

  init(_ shape: [Int]) {
    batch = shape.first ?? 1
    channels = shape.count > 1 ? shape[1] : 1
    length = shape.dropFirst(2).reduce(1, *)
  }
}
