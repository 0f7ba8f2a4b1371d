/// Pooling over all spatial extents: X [N, C, D1...] -> Y [N, C, 1...] (ONNX GlobalAveragePool-22,
/// GlobalMaxPool-22, GlobalLpPool-22).
enum GlobalPooling {
  static let operators: [Operator] = [
    Operator(
      "GlobalAveragePool", inputs: 1...1, infer: inferShape, kernel: floating(GlobalAverageKernel.self)),
    Operator("GlobalMaxPool", inputs: 1...1, infer: inferShape, kernel: floating(GlobalMaximumKernel.self)),
    Operator("GlobalLpPool", inputs: 1...1, infer: inferShape, kernel: floating(GlobalLpKernel.self)),
  ]

  @Sendable private static func inferShape(_ inference: inout TypeInference) throws {
    guard let x = inference.shape(0) else { return inference.set(0, inference.elementType(0), nil) }
    guard x.count >= 2 else { throw inference.mismatch("the input must have at least 2 axes [N, C, ...]") }
    inference.set(
      0, inference.elementType(0), Array(x.prefix(2)) + [Dimension](repeating: 1, count: x.count - 2))
  }

  /// Emits a step that reduces every plane to one element.
  @inline(__always)
  fileprivate static func emit<Element: FloatingElement>(
    _ builder: inout KernelBuilder, _ reduce: @escaping @Sendable (UnsafeBufferPointer<Element>) -> Element
  ) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    let length = x.shape.dropFirst(2).reduce(1, *)
    builder.emit { memory in
      let source = memory.pointer(x.slot, as: Element.self)
      let target = memory.pointer(y.slot, as: Element.self)
      memory.forEachStretch(of: y.count, weight: length) { range in
        for plane in range {
          target[plane] = reduce(UnsafeBufferPointer(start: source + plane * length, count: length))
        }
      }
    }
  }
}

private struct GlobalAverageKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    try GlobalPooling.emit(&builder) { (plane: UnsafeBufferPointer<Element>) in
      plane.sum() / Element(plane.count)
    }
  }
}

private struct GlobalMaximumKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    try GlobalPooling.emit(&builder) { (plane: UnsafeBufferPointer<Element>) in plane.max() ?? -.infinity }
  }
}

private struct GlobalLpKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let p = try builder.node.int("p", default: 2)
    guard p > 0 else { throw GraphError(.invalidAttribute, "'p' must be positive, but is \(p)") }
    try GlobalPooling.emit(&builder) { (plane: UnsafeBufferPointer<Element>) in
      LpNorm.root(plane.reduce(0) { $0 + LpNorm.power($1, p) }, p)
    }
  }
}

extension UnsafeBufferPointer where Element: FloatingElement {
  /// The sum of `transform` of every element, in sixteen interleaved partial sums: exact enough, fast, and always in
  /// the same order.
  @inline(__always)
  func sum(of transform: (SIMD16<Element>) -> SIMD16<Element>) -> Element {
    var lanes = SIMD16<Element>(repeating: 0)
    let bytes = UnsafeRawPointer(baseAddress)
    let whole = count / 16 * 16
    for start in stride(from: 0, to: whole, by: 16) {
      guard let bytes else { break }
      lanes += transform(
        bytes.loadUnaligned(fromByteOffset: start * MemoryLayout<Element>.stride, as: SIMD16<Element>.self))
    }
    var rest: Element = 0
    for index in whole..<count { rest += transform(SIMD16(repeating: self[index]))[0] }
    let eight = lanes.lowHalf + lanes.highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two[0] + two[1] + rest
  }

  /// The sum of all elements.
  @inline(__always)
  func sum() -> Element { sum { $0 } }
}
