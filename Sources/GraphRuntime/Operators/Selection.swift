import ONNXParse

/// Operators that choose between elements or give them another type.
enum Selection {
  static let operators: [Operator] = [
    // Where-16: X where the condition holds, else Y.
    Operator(
      "Where", inputs: 3...3,
      infer: { inference in
        let shape = try inference.broadcast(
          inference.broadcast(inference.shape(0), inference.shape(1)), inference.shape(2))
        inference.set(0, inference.elementType(1), shape)
        inference.chooseShapeValues()
      }, kernel: moving(WhereKernel.self)),
    // Cast-25, CastLike-25.
    Operator(
      "Cast", inputs: 1...1,
      infer: { inference in
        inference.set(0, try ElementType(onnx: inference.node.int("to")), inference.shape(0))
        inference.castShapeValue()
      }, kernel: cast,
      strings: { try TextConversion.cast($0, to: try ElementType(onnx: $0.node.int("to"))) }),
    Operator(
      "CastLike", inputs: 2...2,
      infer: { inference in
        inference.set(0, inference.elementType(1), inference.shape(0))
        inference.castShapeValue()
      }, kernel: cast, strings: { try TextConversion.cast($0, to: try $0.tensor(1).elementType) }),
    // BitCast-26: the same bits as another type of the same width.
    Operator(
      "BitCast", inputs: 1...1,
      infer: { inference in
        let type = try ElementType(onnx: inference.node.int("to"))
        if let source = inference.elementType(0), source.bitWidth == nil || source.bitWidth != type.bitWidth {
          throw GraphError(.unsupportedType, "the bits of \(source) can't be taken as \(type)")
        }
        inference.set(0, type, inference.shape(0))
      }, kernel: moving(CopyKernel.self)),
  ]

  @Sendable private static func cast(_ builder: inout KernelBuilder) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    for type in [source.elementType, target.elementType]
    where type.bitWidth.map({ $0 > 64 || $0 == 6 }) ?? true || type == .complex64 {
      throw builder.unsupportedType(type)
    }
    let options = Conversion.Options(
      saturate: try builder.node.flag("saturate", default: true),
      roundMode: try builder.node.string("round_mode", default: "up"))
    if source.elementType == target.elementType {
      try moving(CopyKernel.self)(&builder)
    } else {
      builder.emitConversion(source, target, options: options)
    }
  }
}

/// Copies input 0.
enum CopyKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    builder.emit { memory in
      memory.map(
        memory.input(source, as: Element.self), memory.output(target, as: Element.self), count: target.count
      ) {
        $0
      }
    }
  }
}

private enum WhereKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (condition, x, y, target) = (
      try builder.input(0), try builder.input(1), try builder.input(2), try builder.output()
    )
    guard condition.elementType == .bool else { throw builder.unsupportedType(condition.elementType) }
    let broadcast = Broadcast(output: target.shape, operands: [condition.shape, x.shape, y.shape])
    let strides = broadcast.inner.strides
    builder.emit { memory in
      let condition = memory.input(condition, as: UInt8.self)
      let (x, y) = (memory.input(x, as: Element.self), memory.input(y, as: Element.self))
      let target = memory.output(target, as: Element.self)
      memory.forEachRow(broadcast) { offsets, start, count in
        for index in 0..<count {
          target[start + index] =
            condition[offsets[0] &+ index &* strides[0]] != 0
            ? x[offsets[1] &+ index &* strides[1]] : y[offsets[2] &+ index &* strides[2]]
        }
      }
    }
  }
}

extension TypeInference {
  /// Cast between integer types keeps the dimensions a tensor holds.
  fileprivate mutating func castShapeValue() {
    if outputTypes[0]?.tensor?.elementType.isInteger == true { outputShapeValues[0] = shapeValue(0) }
  }

  /// Where with a known condition keeps the dimensions its operands hold.
  fileprivate mutating func chooseShapeValues() {
    guard let condition = constant(0), condition.elementType == .bool, let x = shapeValue(1),
      let y = shapeValue(2), inputTypes.indices.allSatisfy({ shape($0).map { $0.count <= 1 } ?? false })
    else { return }
    let flags = condition.elements(Bool.self)
    let count = max(flags.count, x.count, y.count)
    guard [flags.count, x.count, y.count].allSatisfy({ $0 == 1 || $0 == count }),
      count <= Self.longestShapeValue
    else { return }
    outputShapeValues[0] = (0..<count).map { index in
      flags[flags.count == 1 ? 0 : index] ? x[x.count == 1 ? 0 : index] : y[y.count == 1 ? 0 : index]
    }
  }
}
