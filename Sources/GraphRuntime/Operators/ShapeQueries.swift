/// Operators that make tensors of shapes, and tensors from shapes.
enum ShapeQueries {
  static let operators: [Operator] = [
    Operator("Shape", inputs: 1...1, infer: shape, kernel: constantValues),
    Operator(
      "Size", inputs: 1...1,
      infer: { inference in
        inference.set(0, .int64, [])
        inference.outputShapeValues[0] = inference.shape(0).map { [$0.reduce(1, *)] }
      }, kernel: constantValues),
    Operator("ConstantOfShape", inputs: 1...1, infer: constantOfShape, kernel: moving(ConstantKernel.self)),
    Operator("Range", inputs: 3...3, infer: range, kernel: numeric(RangeKernel.self)),
    Operator("EyeLike", inputs: 1...1, infer: eyeLike, kernel: eye),
  ]

  /// Shape-25: the extents from `start` to `end`.
  @Sendable private static func shape(_ inference: inout TypeInference) throws {
    guard let shape = inference.shape(0) else { return inference.set(0, .int64, [.unknown]) }
    let part = Array(shape[try range(of: inference.node, rank: shape.count)])
    inference.set(0, .int64, [.fixed(part.count)])
    inference.outputShapeValues[0] = part
  }

  private static func range(of node: Node, rank: Int) throws -> Range<Int> {
    func clamped(_ axis: Int) -> Int { min(max(axis < 0 ? axis &+ rank : axis, 0), rank) }
    let start = clamped(try node.int("start", default: 0))
    return start..<max(start, clamped(try node.int("end", default: rank)))
  }

  /// Writes the input's extents (Shape), or their product (Size).
  @Sendable private static func constantValues(_ builder: inout KernelBuilder) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let values: [Int] =
      builder.node.op == "Size"
      ? [source.count] : Array(source.shape[try range(of: builder.node, rank: source.shape.count)])
    builder.emit { memory in
      let target = memory.output(target, as: Int64.self)
      for index in values.indices { target[index] = Int64(values[index]) }
    }
  }

  // MARK: ConstantOfShape

  /// ConstantOfShape-25: `value` (one element; 0 as float where left out) all over.
  @Sendable private static func constantOfShape(_ inference: inout TypeInference) throws {
    let value = try filler(of: inference.node)
    let shape = try inference.extents(of: 0)
    inference.set(0, value.elementType, shape)
    if value.elementType.isInteger, let fill = value.integers?.first, let shape, shape.count <= 1,
      let count = shape.concrete?.elementCount, count <= TypeInference.longestShapeValue
    {
      inference.outputShapeValues[0] = Array(repeating: .fixed(fill), count: count)
    }
  }

  fileprivate static func filler(of node: Node) throws -> Tensor {
    guard let attribute = node.attributes["value"] else { return Tensor([Float(0)], shape: [1]) }
    guard let value = attribute.tensor, value.count == 1 else {
      throw GraphError(.invalidAttribute, "attribute 'value' must be a tensor of one element")
    }
    return value
  }

  // MARK: Range

  /// Range-27: `start`, `start + delta`... up to but without `limit`.
  @Sendable private static func range(_ inference: inout TypeInference) throws {
    let type = inference.elementType(0)
    var count: Dimension = .unknown
    if let start = inference.constant(0), let limit = inference.constant(1), let delta = inference.constant(2)
    {
      count = .fixed(try RangeCount.count(start, limit, delta))
    } else if let start = inference.shapeValue(0)?.first, let limit = inference.shapeValue(1)?.first,
      let delta = inference.shapeValue(2)?.first?.value
    {
      count = delta > 0 ? Dimension.ceilDivide(limit - start, by: delta) : .unknown
    }
    inference.set(0, type, [count])
    if let start = inference.shapeValue(0)?.first, let delta = inference.shapeValue(2)?.first?.value,
      let count = count.value, count <= TypeInference.longestShapeValue
    {
      inference.outputShapeValues[0] = (0..<count).map { start + .fixed(delta) * .fixed($0) }
    }
  }

  // MARK: EyeLike

  /// EyeLike-22: ones on diagonal `k`.
  @Sendable private static func eyeLike(_ inference: inout TypeInference) throws {
    var type = inference.elementType(0)
    if let code = inference.node.attributes["dtype"]?.int { type = try ElementType(onnx: code) }
    if let rank = inference.shape(0)?.count, rank != 2 {
      throw inference.mismatch("the input must be a matrix")
    }
    inference.set(0, type, inference.shape(0))
  }

  @Sendable private static func eye(_ builder: inout KernelBuilder) throws {
    let target = try builder.output()
    let diagonal = try builder.node.int("k", default: 0)
    // Made as bytes, and converted to the type asked for.
    try builder.converting(inputs: [:], outputs: [0: .uint8]) { builder in
      let made = try builder.output()
      let columns = target.shape[1]
      builder.emit { memory in
        let target = memory.output(made, as: UInt8.self)
        for index in 0..<made.count {
          target[index] = index % columns &- index / columns == diagonal ? 1 : 0
        }
      }
    }
  }
}

private enum ConstantKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let target = try builder.output()
    let filler = try ShapeQueries.filler(of: builder.node)
    guard let bytes = filler.bytes, bytes.count >= MemoryLayout<Element>.size else {
      throw builder.unsupportedType(filler.elementType)
    }
    let value = bytes.withUnsafeBytes { $0.loadUnaligned(as: Element.self) }
    builder.emit { memory in
      let elements = memory.output(target, as: Element.self)
      memory.forEachStretch(of: target.count) { for index in $0 { elements[index] = value } }
    }
  }
}

/// How many elements a Range has: ceil((limit - start) / delta), not less than 0.
private struct RangeCount: NumericVisitor {
  let start, limit, delta: Tensor

  static func count(_ start: Tensor, _ limit: Tensor, _ delta: Tensor) throws -> Int {
    let (start, limit, delta) = (
      HalfWidth.widen(start) ?? start, HalfWidth.widen(limit) ?? limit, HalfWidth.widen(delta) ?? delta
    )
    guard [start, limit, delta].allSatisfy({ $0.count == 1 }), start.elementType == limit.elementType,
      start.elementType == delta.elementType
    else { throw GraphError(.shapeMismatch, "start, limit and delta must be scalars of one type") }
    return try start.elementType.visit(RangeCount(start: start, limit: limit, delta: delta))
  }

  func visit<Element: NumericElement>(_: Element.Type) throws -> Int {
    func value(_ tensor: Tensor) -> Element { tensor.withUnsafeElements { $0[0] } }
    let (start, limit, delta) = (value(start), value(limit), value(delta))
    guard delta != .zero, !delta.isNotANumber else { throw GraphError(.invalidInput, "delta must not be 0") }
    let count = ((limit.double - start.double) / delta.double).rounded(.up)
    guard count < Double(1 << 48) else {
      throw GraphError(.limitExceeded, "a range of \(count) elements is too long")
    }
    return count > 0 ? Int(count) : 0
  }
}

private enum RangeKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (start, delta, target) = (try builder.input(0), try builder.input(2), try builder.output())
    builder.emit { memory in
      let start = memory.input(start, as: Element.self).pointee
      let delta = memory.input(delta, as: Element.self).pointee
      let elements = memory.output(target, as: Element.self)
      for index in 0..<target.count {
        elements[index] = start.plus(delta.times(Element(clamping: Double(index))))
      }
    }
  }
}

extension TypeInference {
  /// The shape that input `index` holds, as far as it is known; nil where not even its rank is.
  func extents(of index: Int) throws -> Shape? {
    if let extents = shapeValue(index) {
      for case .fixed(let extent) in extents where extent < 0 {
        throw mismatch("a shape has the extent \(extent)")
      }
      return extents
    }
    guard let rank = shape(index).flatMap({ $0.count == 1 ? $0[0].value : nil }),
      (0...Self.largestRank).contains(rank)
    else { return nil }
    return Array(repeating: .unknown, count: rank)
  }
}

extension ElementType {
  /// The type with ONNX's number `code` (TensorProto.DataType).
  init(onnx code: Int) throws {
    guard let raw = Int32(exactly: code), let type = ElementType(rawValue: raw) else {
      throw GraphError(.unsupportedType, "there is no element type \(code)")
    }
    self = type
  }
}
