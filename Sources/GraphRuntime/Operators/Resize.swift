import ONNXParse

/// Resize: inputs X, roi?, scales?, sizes? (ONNX Resize-19).
enum Resizing {
  static let operators: [Operator] = [
    Operator("Resize", inputs: 1...4, infer: { try infer(&$0) }, kernel: { try prepare(&$0) })
  ]

  private static func infer(_ inference: inout TypeInference) throws {
    let type = inference.elementType(0)
    let attributes = try ResizeAttributes(inference.node)
    guard let x = inference.shape(0) else { return inference.set(0, type, nil) }
    let axes = try attributes.resizedAxes(rank: x.count)
    var shape = x
    let sizes = inference.has(3) ? inference.shapeValue(3) : nil
    let scales = inference.has(2) ? inference.constant(2).flatMap(floats) : nil
    if let sizes, !sizes.isEmpty {
      guard sizes.count == axes.count else {
        throw inference.mismatch("'sizes' must hold \(axes.count) values")
      }
      let resized = axes.map { x[$0] }
      for (axis, size) in zip(axes, sizes) { shape[axis] = size }
      if attributes.aspectRatio != .stretch {
        let known = sizes.concrete.flatMap { sizes in resized.concrete.map { (sizes, $0) } }
        let extents = try known.map { try attributes.resolve(sizes: $0.0, input: $0.1).extents }
        for (index, axis) in axes.enumerated() { shape[axis] = extents.map { .fixed($0[index]) } ?? .unknown }
      }
    } else if let scales, !scales.isEmpty {
      guard scales.count == axes.count, scales.allSatisfy({ $0 > 0 && $0.isFinite }) else {
        throw inference.mismatch("'scales' must hold \(axes.count) positive values, but is \(scales)")
      }
      for (axis, scale) in zip(axes, scales) { shape[axis] = try scaled(x[axis], scale) }
    } else {
      for axis in axes { shape[axis] = .unknown }
    }
    inference.set(0, type, shape)
  }

  private static func scaled(_ extent: Dimension, _ scale: Float) throws -> Dimension {
    if let value = extent.value {
      guard let result = ResizeAttributes.extent(value, scale: scale) else {
        throw GraphError(.limitExceeded, "an extent of \(value) can't be scaled by \(scale)")
      }
      return .fixed(result)
    }
    if let factor = Int(exactly: scale) { return extent * .fixed(factor) }
    if let divisor = Int(exactly: 1 / scale), divisor > 0, 1 / Float(divisor) == scale,
      divisor.nonzeroBitCount == 1
    {
      return .floorDivide(extent, by: divisor)
    }
    return .unknown
  }

  /// The elements of a float tensor.
  fileprivate static func floats(_ tensor: Tensor) -> [Float]? {
    switch tensor.elementType {
    case .float32: tensor.elements(Float.self)
    case .float64: tensor.elements(Double.self).map { Float($0) }
    default: HalfWidth.widen(tensor)?.elements(Float.self)
    }
  }

  private static func prepare(_ builder: inout KernelBuilder) throws {
    let attributes = try ResizeAttributes(builder.node)
    let (x, y) = (try builder.input(0), try builder.output())
    guard y.count > 0, x.count > 0 else {
      guard y.count == 0 else { throw GraphError(.invalidInput, "an empty tensor can't be resized") }
      return
    }
    try (attributes.mode == .nearest ? moving(NearestKernel.self) : floating(ResizeKernel.self))(&builder)
  }

  /// A constant of the extrapolation value, where it can be needed; nil where it is zero.
  fileprivate static func fillValue(
    _ builder: inout KernelBuilder, _ attributes: ResizeAttributes, _ type: ElementType
  ) throws -> Int? {
    let value = attributes.extrapolation
    guard attributes.transformation == .cropAndResize, value != 0 else { return nil }
    let tensor: Tensor
    switch type {
    case .float32: tensor = Tensor(scalar: value)
    case .float64: tensor = Tensor(scalar: Double(value))
    case .float16: tensor = Tensor(scalar: Float16(value))
    case .bfloat16: tensor = Tensor(scalar: HalfWidth.toBFloat16(value))
    case .int32: tensor = Tensor(scalar: Int32(clamping: Double(value)))
    case .int64: tensor = Tensor(scalar: Int64(clamping: Double(value)))
    case .int8: tensor = Tensor(scalar: Int8(clamping: Double(value)))
    case .uint8: tensor = Tensor(scalar: UInt8(clamping: Double(value)))
    default: throw builder.unsupportedType(type)
    }
    return tensor.bytes.map { builder.addConstant($0) }
  }

  /// How each axis of the input is resized.
  static func axes(_ query: BlockedQuery, _ attributes: ResizeAttributes) throws -> [ResizeAxis] {
    guard let x = query.shape(0), let y = query.outputShape else {
      throw GraphError(.unknownValue, "the shapes of Resize must be known when the plan is made")
    }
    let resized = try attributes.resizedAxes(rank: x.count)
    var scales = [Double](repeating: 1, count: x.count)
    var regions = [(start: Double, end: Double)](repeating: (0, 1), count: x.count)
    if let given = query.shape(2), given != [0] {
      guard let constant = query.constant(2) else {
        throw GraphError(.unknownValue, "the scales of Resize must be known when the plan is made")
      }
      guard let values = floats(constant), values.count == resized.count,
        values.allSatisfy({ $0 > 0 && $0.isFinite })
      else {
        throw GraphError(.invalidInput, "the scales of Resize must be positive, one for each axis")
      }
      for (axis, scale) in zip(resized, values) { scales[axis] = Double(scale) }
    } else if attributes.aspectRatio == .stretch {
      for axis in resized where x[axis] > 0 { scales[axis] = Double(y[axis]) / Double(x[axis]) }
    } else {
      guard let sizes = query.constant(3)?.integers else {
        throw GraphError(.unknownValue, "the sizes of Resize must be known when the plan is made")
      }
      let resolved = try attributes.resolve(sizes: sizes, input: resized.map { x[$0] })
      for (axis, scale) in zip(resized, resolved.scales) { scales[axis] = scale }
    }
    if attributes.transformation == .cropAndResize {
      guard let constant = query.constant(1) else {
        throw GraphError(.unknownValue, "the roi of Resize must be known when the plan is made")
      }
      guard let roi = floats(constant), roi.count == 2 * resized.count, roi.allSatisfy(\.isFinite) else {
        throw GraphError(.invalidInput, "the roi of Resize must be finite, a start and an end for each axis")
      }
      for (index, axis) in resized.enumerated() {
        regions[axis] = (Double(roi[index]), Double(roi[index + resized.count]))
      }
    }
    return x.indices.map {
      ResizeAxis(input: x[$0], output: y[$0], scale: scales[$0], region: regions[$0])
    }
  }
}

/// Nearest-neighbour resizing: a copy.
private enum NearestKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let attributes = try ResizeAttributes(builder.node)
    let (x, y) = (try builder.input(0), try builder.output())
    let axes = try Resizing.axes(BlockedQuery(builder), attributes)
    let fill = try Resizing.fillValue(&builder, attributes, x.elementType)
    AxisGather(sources: axes.map { $0.nearest(attributes) }, input: x.shape).emit(
      &builder, from: x, to: y, fill: fill, as: Element.self)
  }
}

/// Linear and cubic resizing, one axis after the other.
private struct ResizeKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let attributes = try ResizeAttributes(builder.node)
    let (x, y) = (try builder.input(0), try builder.output())
    let axes = try Resizing.axes(BlockedQuery(builder), attributes)
    let changed = axes.indices.filter { !axes[$0].isIdentity(attributes.transformation) }
    guard !changed.isEmpty else {
      return builder.emit { memory in
        memory.pointer(y.slot, as: Element.self).update(from: memory.pointer(x.slot), count: y.count)
      }
    }
    // The axis that shrinks most comes first, so that the rest works on less.
    let order = changed.sorted { (axes[$0].scale, $0) < (axes[$1].scale, $1) }
    var shape = x.shape
    var source = x.slot
    for (step, axis) in order.enumerated() {
      let isLast = step == order.count - 1
      let input = shape
      shape[axis] = axes[axis].output
      let target =
        isLast ? y.slot : builder.addScratch(byteCount: shape.reduce(1, *) * MemoryLayout<Element>.stride)
      let taps = axes[axis].taps(attributes)
      emit(
        &builder, Pass(taps, axis: axis, input: input, extrapolation: Element(attributes.extrapolation)),
        source, target)
      source = target
    }
  }

  /// Resizing along one axis: [outer, input, inner] -> [outer, output, inner].
  private struct Pass<Element: FloatingElement>: Sendable {
    let taps: ResizeTaps
    let weights: [Element]
    let outer, input, inner: Int
    let extrapolation: Element
    var output: Int { taps.outside.count }

    init(_ taps: ResizeTaps, axis: Int, input: [Int], extrapolation: Element) {
      self.taps = taps
      weights = taps.weights.map { Element($0) }
      outer = input.prefix(axis).reduce(1, *)
      self.input = input[axis]
      inner = input.dropFirst(axis + 1).reduce(1, *)
      self.extrapolation = extrapolation
    }

    /// Computes output line `line` (outer and output position joined).
    func run(_ line: Int, _ x: UnsafePointer<Element>, _ y: UnsafeMutablePointer<Element>) {
      let (slab, position) = (line / output, line % output)
      let target = y + line * inner
      if taps.outside[position] { return target.update(repeating: extrapolation, count: inner) }
      for tap in 0..<taps.count {
        let weight = weights[position * taps.count + tap]
        let source = x + (slab * input + taps.indices[position * taps.count + tap]) * inner
        if tap == 0 {
          for index in 0..<inner { target[index] = weight * source[index] }
        } else {
          for index in 0..<inner { target[index] += weight * source[index] }
        }
      }
    }
  }

  private static func emit<Element>(
    _ builder: inout KernelBuilder, _ pass: Pass<Element>, _ source: Int, _ target: Int
  ) {
    builder.emit { memory in
      let x = memory.pointer(source, as: Element.self)
      let y = memory.pointer(target, as: Element.self)
      memory.forEachStretch(of: pass.outer * pass.output, weight: 8 * pass.inner) { lines in
        for line in lines { pass.run(line, x, y) }
      }
    }
  }
}
