import ONNXParse

/// Products of 8-bit integers (ONNX MatMulInteger-10, ConvInteger-10, QLinearMatMul-21, QLinearConv-10).
///
/// Operands less their zero points are multiplied in `Double`, which holds every sum of products exactly.
enum QuantizedProducts {
  static let operators: [Operator] = [matMulInteger, convInteger, qLinearMatMul, qLinearConv]

  /// MatMulInteger: A, B, a_zero_point?, b_zero_point? -> int32.
  private static let matMulInteger = Operator(
    "MatMulInteger", inputs: 2...4,
    infer: { inference in inference.set(0, .int32, try MatrixProducts.matMulShape(&inference)) },
    kernel: { builder in
      let (a, b) = (try builder.input(0), try builder.input(1))
      let operands = [
        try builder.centred(a, by: builder.optionalInput(2), axis: a.shape.count - 2),
        try builder.centred(b, by: builder.optionalInput(3), axis: b.shape.count - 1),
      ]
      try builder.product(MatMulKernel.self, operands)
    })

  /// ConvInteger: x, w, x_zero_point?, w_zero_point? -> int32.
  private static let convInteger = Operator(
    "ConvInteger", inputs: 2...4,
    infer: { try Convolutions.inferShape(&$0, elementType: .int32, biasInput: nil) },
    kernel: { builder in
      let operands = [
        try builder.centred(builder.input(0), by: builder.optionalInput(2), axis: 1),
        try builder.centred(builder.input(1), by: builder.optionalInput(3), axis: 0),
      ]
      try builder.product(ConvolutionKernel.self, operands)
    })

  /// QLinearMatMul: a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point.
  private static let qLinearMatMul = Operator(
    "QLinearMatMul", inputs: 8...8,
    infer: { inference in
      inference.set(0, inference.elementType(7), try MatrixProducts.matMulShape(&inference, 0, 3))
    },
    kernel: { builder in
      let (a, b) = (try builder.input(0), try builder.input(3))
      let operands = [
        try builder.centred(a, by: builder.input(2), axis: a.shape.count - 2),
        try builder.centred(b, by: builder.input(5), axis: b.shape.count - 1),
      ]
      let rank = try builder.output().shape.count
      let scales = [
        Scale(try builder.input(1), axis: rank - 2), Scale(try builder.input(4), axis: rank - 1),
        Scale(try builder.input(6), axis: rank - 2, divides: true),
      ]
      try builder.requantized(MatMulKernel.self, operands, scales, zeroPoint: builder.input(7))
    })

  /// QLinearConv: x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, B?.
  private static let qLinearConv = Operator(
    "QLinearConv", inputs: 8...9,
    infer: { try Convolutions.inferShape(&$0, elementType: $0.elementType(7), weights: 3, biasInput: 8) },
    kernel: { builder in
      var operands = [
        try builder.centred(builder.input(0), by: builder.input(2), axis: 1),
        try builder.centred(builder.input(3), by: builder.input(5), axis: 0),
      ]
      if let bias = builder.optionalInput(8) { operands.append(try builder.centred(bias, by: nil, axis: 0)) }
      let scales = [
        Scale(try builder.input(1), axis: 1), Scale(try builder.input(4), axis: 1),
        Scale(try builder.input(6), axis: 1, divides: true),
      ]
      try builder.requantized(ConvolutionKernel.self, operands, scales, zeroPoint: builder.input(7))
    })

  /// A scale of the output: one number, or one for each index along an axis.
  struct Scale {
    let operand: KernelBuilder.Operand
    let axis: Int
    let divides: Bool

    init(_ operand: KernelBuilder.Operand, axis: Int, divides: Bool = false) {
      self.operand = operand
      self.axis = axis
      self.divides = divides
    }
  }
}

/// A vector read along one axis of a row-major tensor: element `index` of the tensor meets entry `index / step % count`.
private struct AxisVector: Sendable {
  let slot: Int
  let type: ElementType
  let count: Int
  let step: Int

  /// - Throws: a shape mismatch where the vector has neither one element nor those of the axis.
  init(_ operand: KernelBuilder.Operand, along axis: Int, of shape: [Int]) throws {
    slot = operand.slot
    type = operand.elementType
    count = operand.count
    guard count == 1 || shape.indices.contains(axis) && shape[axis] == count else {
      throw GraphError(.shapeMismatch, "\(operand.type) does not fit axis \(axis) of \(shape)")
    }
    step = count == 1 ? 1 : shape.dropFirst(axis + 1).reduce(1, *)
  }

  func value(_ index: Int, _ memory: StepMemory) -> Double {
    let entry = count == 1 ? 0 : index / step % count
    return switch type {
    case .int8: Double(memory.pointer(slot, as: Int8.self)[entry])
    case .uint8: Double(memory.pointer(slot, as: UInt8.self)[entry])
    case .int32: Double(memory.pointer(slot, as: Int32.self)[entry])
    case .float32: Double(memory.pointer(slot, as: Float.self)[entry])
    case .float16: Double(memory.pointer(slot, as: Float16.self)[entry])
    case .bfloat16: Double(HalfWidth.fromBFloat16(memory.pointer(slot, as: UInt16.self)[entry]))
    default: .nan
    }
  }

  /// Whether `value` can read the elements.
  static func reads(_ type: ElementType) -> Bool {
    [.int8, .uint8, .int32, .float32, .float16, .bfloat16].contains(type)
  }
}

extension KernelBuilder {
  /// `operand` less its zero point, in `Double`.
  fileprivate mutating func centred(_ operand: Operand, by zeroPoint: Operand?, axis: Int) throws -> Operand {
    for type in [operand.elementType, zeroPoint?.elementType] {
      if let type, ![.int8, .uint8, .int32].contains(type) { throw unsupportedType(type) }
    }
    let source = try AxisVector(operand, along: 0, of: [operand.count])
    let zero = try zeroPoint.map { try AxisVector($0, along: axis, of: operand.shape) }
    let result = Operand(
      slot: addScratch(byteCount: operand.count * MemoryLayout<Double>.stride),
      type: TensorType(.float64, operand.type.shape), shape: operand.shape, constant: nil)
    emit { memory in
      let target = memory.output(result, as: Double.self)
      memory.forEachStretch(of: result.count) { range in
        for index in range {
          target[index] = source.value(index, memory) - (zero?.value(index, memory) ?? 0)
        }
      }
    }
    return result
  }

  /// Runs a kernel on operands in `Double`, and writes its results as int32.
  fileprivate mutating func product<Kernel: FloatingKernel>(
    _: Kernel.Type, _ operands: [Operand]
  ) throws {
    let result = try exactProduct(Kernel.self, operands)
    let y = try output()
    emit { memory in
      memory.map(memory.input(result, as: Double.self), memory.output(y, as: Int32.self), count: y.count) {
        Int32(clamping: $0)
      }
    }
  }

  /// Runs a kernel on operands in `Double`; y = saturate(round(result · scales) + zero point), halves to even.
  fileprivate mutating func requantized<Kernel: FloatingKernel>(
    _: Kernel.Type, _ operands: [Operand], _ scales: [QuantizedProducts.Scale], zeroPoint: Operand
  ) throws {
    let result = try exactProduct(Kernel.self, operands)
    let y = try output()
    for type in scales.map(\.operand.elementType) + [zeroPoint.elementType] where !AxisVector.reads(type) {
      throw unsupportedType(type)
    }
    let vectors = try scales.map { (try AxisVector($0.operand, along: $0.axis, of: y.shape), $0.divides) }
    let zero = try AxisVector(zeroPoint, along: scales.last?.axis ?? 0, of: y.shape)
    let isSigned = y.elementType == .int8
    guard isSigned || y.elementType == .uint8 else { throw unsupportedType(y.elementType) }
    emit { memory in
      let source = memory.input(result, as: Double.self)
      memory.forEachStretch(of: y.count) { range in
        for index in range {
          var value = source[index]
          for (vector, divides) in vectors {
            value = divides ? value / vector.value(index, memory) : value * vector.value(index, memory)
          }
          value = value.rounded(.toNearestOrEven) + zero.value(index, memory)
          if isSigned {
            memory.output(y, as: Int8.self)[index] = Int8(clamping: value)
          } else {
            memory.output(y, as: UInt8.self)[index] = UInt8(clamping: value)
          }
        }
      }
    }
  }

  /// The result of `Kernel` on operands in `Double`, in scratch memory.
  private mutating func exactProduct<Kernel: FloatingKernel>(
    _: Kernel.Type, _ operands: [Operand]
  ) throws -> Operand {
    let y = try output()
    let result = Operand(
      slot: addScratch(byteCount: y.count * MemoryLayout<Double>.stride),
      type: TensorType(.float64, y.type.shape),
      shape: y.shape, constant: nil)
    var inner = KernelBuilder(
      node: node, inputs: operands, outputs: [result], threads: threads, firstFreeSlot: nextSlot)
    try Kernel.prepare(&inner, as: Double.self)
    append(inner)
    return result
  }
}
