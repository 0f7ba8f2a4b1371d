import ONNXParse

/// A kernel written once for every floating-point type: generic over `Float` and `Double`; float16 and bfloat16
/// operands are widened to `Float` around it.
protocol FloatingKernel: SendableMetatype {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws
}

/// The kernel of an operator whose input 0 decides the type to compute in.
func floating<Kernel: FloatingKernel>(_: Kernel.Type) -> @Sendable (inout KernelBuilder) throws -> Void {
  { builder in
    let type = try builder.input(0).elementType
    switch type {
    case .float32: try builder.widening { try Kernel.prepare(&$0, as: Float.self) }
    case .float64: try Kernel.prepare(&builder, as: Double.self)
    case .float16, .bfloat16: try builder.widening { try Kernel.prepare(&$0, as: Float.self) }
    default: throw builder.unsupportedType(type)
    }
  }
}

extension KernelBuilder {
  /// Prepares `body` with every half-width operand replaced by a `Float` copy, which steps before and after convert.
  mutating func widening(_ body: (inout KernelBuilder) throws -> Void) throws {
    guard (inputs + outputs).contains(where: { $0?.isHalfWidth == true }) else { return try body(&self) }
    let wideInputs = inputs.enumerated().map { index, operand in
      operand.map { $0.isHalfWidth ? widened($0, index) : $0 }
    }
    for (narrow, wide) in zip(inputs, wideInputs) {
      guard let narrow, let wide, narrow.isHalfWidth, wide.constant == nil else { continue }
      emit { HalfWidth.widen(narrow, wide, $0) }
    }
    let wideOutputs = outputs.map { operand in operand.map { $0.isHalfWidth ? scratchFloat(like: $0) : $0 } }
    var inner = KernelBuilder(
      node: node, inputs: wideInputs, outputs: wideOutputs, threads: threads, firstFreeSlot: nextSlot)
    try body(&inner)
    append(inner)
    for (narrow, wide) in zip(outputs, wideOutputs) {
      guard let narrow, let wide, narrow.isHalfWidth else { continue }
      emit { HalfWidth.narrow(wide, narrow, $0) }
    }
  }

  private mutating func widened(_ operand: Operand, _ index: Int) -> Operand {
    guard let constant = operand.constant, let wide = HalfWidth.widen(constant), let bytes = wide.bytes else {
      return scratchFloat(like: operand)
    }
    return Operand(
      slot: addConstant(bytes, replacingInput: index), type: TensorType(.float32, operand.type.shape),
      shape: operand.shape, constant: wide)
  }

  private mutating func scratchFloat(like operand: Operand) -> Operand {
    Operand(
      slot: addScratch(byteCount: operand.count * MemoryLayout<Float>.stride),
      type: TensorType(.float32, operand.type.shape), shape: operand.shape, constant: nil)
  }
}

extension KernelBuilder.Operand {
  /// Whether the elements are float16 or bfloat16.
  var isHalfWidth: Bool { elementType == .float16 || elementType == .bfloat16 }
}

/// Conversion between the half-width floating-point types and `Float`.
enum HalfWidth {
  /// The tensor in `Float`; nil where it is not of a half-width type.
  static func widen(_ tensor: Tensor) -> Tensor? {
    guard let bytes = tensor.bytes else { return nil }
    let convert: (UInt16) -> Float
    switch tensor.elementType {
    case .float16: convert = { Float(Float16(bitPattern: $0)) }
    case .bfloat16: convert = fromBFloat16
    default: return nil
    }
    return Tensor(Float.self, shape: tensor.shape) { target in
      bytes.withUnsafeBytes { source in
        for index in target.indices {
          target[index] = convert(source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
        }
      }
    }
  }

  static func widen(_ narrow: KernelBuilder.Operand, _ wide: KernelBuilder.Operand, _ memory: StepMemory) {
    let target = memory.buffer(wide, as: Float.self)
    if narrow.elementType == .float16 {
      let source = memory.buffer(narrow, as: Float16.self)
      for index in target.indices { target[index] = Float(source[index]) }
    } else {
      let source = memory.buffer(narrow, as: UInt16.self)
      for index in target.indices { target[index] = fromBFloat16(source[index]) }
    }
  }

  static func narrow(_ wide: KernelBuilder.Operand, _ narrow: KernelBuilder.Operand, _ memory: StepMemory) {
    let source = memory.buffer(wide, as: Float.self)
    if narrow.elementType == .float16 {
      let target = memory.buffer(narrow, as: Float16.self)
      for index in source.indices { target[index] = Float16(source[index]) }
    } else {
      let target = memory.buffer(narrow, as: UInt16.self)
      for index in source.indices { target[index] = toBFloat16(source[index]) }
    }
  }

  @inline(__always)
  static func fromBFloat16(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

  /// The nearest bfloat16, ties to even; a NaN stays a NaN.
  @inline(__always)
  static func toBFloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7fff &+ ((bits >> 16) & 1)) >> 16)
  }
}
