import ONNXParse

/// Dropout: inputs data, ratio?, training_mode?; outputs the data and the mask of what stayed (ONNX Dropout-22).
/// Without training_mode the data pass unchanged.
enum DropoutOperator {
  static let operators: [Operator] = [
    Operator(
      "Dropout", inputs: 1...3, outputs: 1...2, sharing: .overwrites([0]), isDeterministic: false,
      infer: { inference in
        inference.same()
        inference.set(1, .bool, inference.shape(0))
      }, kernel: { try prepare(&$0) })
  ]

  private static func prepare(_ builder: inout KernelBuilder) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    guard let training = builder.optionalInput(2), !isFalse(training.constant) else {
      let mask = builder.optionalOutput(1)
      let byteCount = (x.elementType.bitWidth ?? 0) / 8 * x.count
      return builder.emit { memory in
        let (source, target) = (
          memory.pointer(x.slot, as: UInt8.self), memory.pointer(y.slot, as: UInt8.self)
        )
        if source != target { target.update(from: source, count: byteCount) }
        if let mask { memory.pointer(mask.slot, as: Bool.self).update(repeating: true, count: mask.count) }
      }
    }
    guard training.elementType == .bool, training.count == 1 else {
      throw GraphError(.invalidInput, "training_mode must be one bool, not \(training.type)")
    }
    try floating(TrainingDropoutKernel.self)(&builder)
  }

  private static func isFalse(_ tensor: Tensor?) -> Bool {
    guard let tensor, tensor.elementType == .bool, tensor.count == 1 else { return false }
    return tensor.bytes?.withUnsafeBytes { $0[0] == 0 } ?? false
  }
}

private struct TrainingDropoutKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    let training = try builder.input(2).slot
    let ratio = builder.optionalInput(1)
    if let ratio, ratio.count != 1 || ratio.elementType != .float32 && ratio.elementType != .float64 {
      throw GraphError(.invalidInput, "the ratio of Dropout must be one number, not \(ratio.type)")
    }
    let seed = builder.node.attributes["seed"]?.int
    let mask = builder.optionalOutput(1)
    builder.emit { memory in
      let (source, target) = (memory.buffer(x, as: Element.self), memory.buffer(y, as: Element.self))
      let isTraining = memory.pointer(training, as: UInt8.self)[0] != 0
      let share =
        switch ratio {
        case let ratio? where ratio.elementType == .float64: memory.pointer(ratio.slot, as: Double.self)[0]
        case let ratio?: Double(memory.pointer(ratio.slot, as: Float.self)[0])
        case nil: 0.5
        }
      let kept = mask.map { memory.buffer($0, as: Bool.self) }
      var random = MersenneTwister(
        seed: seed.map { UInt32(truncatingIfNeeded: $0) } ?? .random(in: 0...UInt32.max))
      let scale = Element(1 / (1 - share))
      for index in source.indices {
        let keeps = !isTraining || share == 0 || random.nextUniform() >= share
        target[index] = keeps ? (isTraining && share != 0 ? source[index] * scale : source[index]) : 0
        kept?[index] = keeps
      }
    }
  }
}
