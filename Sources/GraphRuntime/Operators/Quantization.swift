import ONNXParse

extension Graph {
  /// Whether some of it is computed on 8-bit integers, or was meant to be: it brings scales and zero points.
  public var isQuantized: Bool {
    let operators = (Quantization.operators + QuantizedProducts.operators).map(\.name.description)
    return !Set(operators).isDisjoint(with: operatorCounts.keys)
  }
}

/// Linear quantisation: QuantizeLinear-25, DequantizeLinear-25, DynamicQuantizeLinear-11.
enum Quantization {
  static let operators: [Operator] = [
    Operator(
      "QuantizeLinear", inputs: 2...3,
      infer: { inference in
        var type = inference.has(2) ? inference.elementType(2) : .uint8
        let code = try inference.node.int("output_dtype", default: 0)
        if code != 0 { type = try ElementType(onnx: code) }
        inference.set(0, type, inference.shape(0))
      }, kernel: quantize),
    Operator(
      "DequantizeLinear", inputs: 2...3,
      infer: { inference in
        let code = try inference.node.int("output_dtype", default: 0)
        inference.set(
          0, code == 0 ? inference.elementType(1) : try ElementType(onnx: code), inference.shape(0))
      }, kernel: dequantize),
    Operator(
      "DynamicQuantizeLinear", inputs: 1...1, outputs: 1...3,
      infer: { inference in
        inference.set(0, .uint8, inference.shape(0))
        inference.set(1, .float32, [])
        inference.set(2, .uint8, [])
      }, kernel: dynamicQuantize),
  ]

  /// saturate(round(x / scale) + zero point); float8 and float4 are rounded when encoded.
  private static func quantize(_ builder: inout KernelBuilder) throws {
    let target = try builder.output()
    let options = Conversion.Options(saturate: try builder.node.flag("saturate", default: true))
    let range = target.elementType.integerRange
    guard range != nil || target.elementType.isFloat else {
      throw builder.unsupportedType(target.elementType)
    }
    let wide = builder.scratch(.float32, like: target)
    let encoded = target
    try builder.converting(inputs: [0: .float32, 1: .float32, 2: .float32], outputs: [:]) { builder in
      let source = try builder.input(0)
      let rows = try QuantizationRows(builder)
      builder.emit { memory in
        let from = memory.input(source, as: Float.self)
        let to = memory.output(wide, as: Float.self)
        rows.forEach(memory) { start, count, scale, zero, step in
          for index in 0..<count {
            let value = from[start + index] / scale[index * step]
            let offset = zero?[index * step] ?? 0
            if let range {
              to[start + index] = min(
                max(value.rounded(.toNearestOrEven) + offset, range.lowerBound), range.upperBound)
            } else {
              to[start + index] = value + offset
            }
          }
        }
      }
    }
    builder.emitConversion(wide, encoded, options: options)
  }

  /// (x - zero point) · scale.
  private static func dequantize(_ builder: inout KernelBuilder) throws {
    try builder.converting(inputs: [0: .float32, 1: .float32, 2: .float32], outputs: [0: .float32]) {
      builder in
      let (source, target) = (try builder.input(0), try builder.output())
      let rows = try QuantizationRows(builder)
      builder.emit { memory in
        let from = memory.input(source, as: Float.self)
        let to = memory.output(target, as: Float.self)
        rows.forEach(memory) { start, count, scale, zero, step in
          for index in 0..<count {
            to[start + index] = (from[start + index] - (zero?[index * step] ?? 0)) * scale[index * step]
          }
        }
      }
    }
  }

  /// Scale and zero point from the range of the data, 0 included.
  private static func dynamicQuantize(_ builder: inout KernelBuilder) throws {
    let source = try builder.input(0)
    guard source.elementType == .float32 else { throw builder.unsupportedType(source.elementType) }
    let outputs = (0..<3).map { builder.optionalOutput($0) }
    builder.emit { memory in
      let from = memory.input(source, as: Float.self)
      var (low, high): (Float, Float) = (0, 0)
      for index in 0..<source.count {
        low = min(low, from[index])
        high = max(high, from[index])
      }
      let scale = high == low ? 1 : (high - low) / 255
      let zero = min(max((-low / scale).rounded(.toNearestOrEven), 0), 255)
      if let target = outputs[0] {
        let to = memory.output(target, as: UInt8.self)
        memory.forEachStretch(of: source.count) {
          for index in $0 {
            let value = (from[index] / scale).rounded(.toNearestOrEven) + zero
            to[index] = UInt8(clamping: Double(min(max(value, 0), 255)))
          }
        }
      }
      if let target = outputs[1] { memory.output(target, as: Float.self).pointee = scale }
      if let target = outputs[2] {
        memory.output(target, as: UInt8.self).pointee = UInt8(clamping: Double(zero))
      }
    }
  }
}

/// Which scale and zero point serve which elements: one for all, one for each index of an axis, or one for each block
/// along an axis.
private struct QuantizationRows: Sendable {
  private let scale: KernelBuilder.Operand
  private let zero: KernelBuilder.Operand?
  /// Rows of the data, elements of each, and indices along the axis.
  private let rows: Int
  private let length: Int
  private let extent: Int
  /// For blocks: their size, and how many there are along the axis.
  private let block: Int?
  private let blocks: Int

  /// The scale is input 1, the zero point input 2, both as `Float`.
  init(_ builder: KernelBuilder) throws {
    let data = try builder.input(0)
    scale = try builder.input(1)
    zero = builder.optionalInput(2)
    if let zero, zero.shape != scale.shape, zero.count != 1 || scale.count != 1 {
      throw GraphError(
        .shapeMismatch, "scale \(scale.shape) and zero point \(zero.shape) must have one shape")
    }
    let blockSize = try builder.node.int("block_size", default: 0)
    guard scale.count > 0 || data.count == 0 else { throw GraphError(.shapeMismatch, "there is no scale") }
    guard scale.count > 1 || blockSize > 0 else {
      // One scale for all: a single row of any length.
      (rows, length, extent, block, blocks) = (1, data.count, 1, nil, 1)
      return
    }
    let rank = data.shape.count
    let given = try builder.node.int("axis", default: 1)
    guard (-rank..<rank).contains(given) else {
      throw GraphError(.shapeMismatch, "axis \(given) is out of range for rank \(rank)")
    }
    let axis = given < 0 ? given + rank : given
    extent = data.shape[axis]
    length = data.shape[(axis + 1)...].reduce(1, *)
    rows = data.shape[...axis].reduce(1, *)
    guard blockSize > 0 else {
      guard scale.shape == [extent] else {
        throw GraphError(
          .shapeMismatch, "a scale of shape \(scale.shape) doesn't fit axis \(axis) of \(data.shape)")
      }
      (block, blocks) = (nil, 1)
      return
    }
    var expected = data.shape
    // A block longer than the axis is as long as the axis.
    expected[axis] = ceilDivide(extent, min(blockSize, max(extent, 1)))
    guard scale.shape == expected else {
      throw GraphError(
        .shapeMismatch, "a scale of shape \(scale.shape) doesn't fit blocks of \(blockSize) of \(data.shape)")
    }
    (block, blocks) = (blockSize, expected[axis])
  }

  /// Calls `body(start, count, scale, zero point, step)` for each row; the parameters of its element i are at i·step.
  @inline(__always)
  func forEach(
    _ memory: StepMemory,
    _ body: (Int, Int, UnsafePointer<Float>, UnsafePointer<Float>?, Int) -> Void
  ) {
    let scale = memory.input(scale, as: Float.self)
    let zero = zero.map { memory.input($0, as: Float.self) }
    memory.forEachStretch(of: rows, weight: length) {
      for row in $0 {
        let (outer, index) = row.quotientAndRemainder(dividingBy: extent)
        let place = block.map { (outer * blocks + index / $0) * length } ?? index
        body(row * length, length, scale + place, zero.map { $0 + place }, block == nil ? 0 : 1)
      }
    }
  }
}

extension ElementType {
  /// The range of an integer type that quantisation saturates to.
  fileprivate var integerRange: ClosedRange<Float>? {
    guard isInteger, let bits = bitWidth, bits <= 16 else { return nil }
    switch self {
    case .int8, .int16, .int4, .int2: return -Float(1 << (bits - 1))...Float(1 << (bits - 1)) - 1
    default: return 0...Float(1 << bits) - 1
    }
  }
}

extension KernelBuilder {
  /// Scratch memory for elements of `type` in the shape of `operand`.
  mutating func scratch(_ type: ElementType, like operand: Operand) -> Operand {
    Operand(
      slot: addScratch(byteCount: type.heldByteCount(of: operand.count) ?? 0),
      type: TensorType(type, operand.type.shape), shape: operand.shape, constant: nil)
  }
}
