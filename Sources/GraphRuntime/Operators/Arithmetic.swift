/// Element-wise arithmetic of two or more operands, with NumPy broadcasting.
enum Arithmetic {
  static let operators: [Operator] = [
    // Add, Sub, Mul, Div (ONNX opset 14); integer Div truncates.
    binary("Add", Sum.self, onShapes: { $0 + $1 }),
    binary("Sub", Difference.self, onShapes: { $0 - $1 }),
    binary("Mul", Product.self, onShapes: { $0 * $1 }),
    binary("Div", Quotient.self, onShapes: { Dimension.truncatingDivide($0, by: $1) }),
    // Mod-13: the divisor's sign, or C's fmod with fmod=1.
    Operator(
      "Mod", inputs: 2...2, sharing: .overwrites([0, 1]), infer: { try $0.broadcastAll() },
      kernel: { builder in
        if try builder.node.flag("fmod", default: false) {
          try numeric(BinaryKernel<TruncatedRemainder>.self)(&builder)
        } else {
          try numeric(BinaryKernel<Remainder>.self)(&builder)
        }
      }),
    Operator(
      "Pow", inputs: 2...2, sharing: .overwrites([0]), infer: { try $0.broadcastAll() }, kernel: power),
    variadic("Max", Maximum.self, onShapes: Dimension.maximum),
    variadic("Min", Minimum.self, onShapes: Dimension.minimum),
    variadic("Sum", Sum.self),
    Operator(
      "Mean", inputs: 1...Operator.variadic, sharing: .overwrites([0, 1]), infer: { try $0.broadcastAll() },
      kernel: numeric(MeanKernel.self)),
  ]

  private static func binary<Function: BinaryFunction>(
    _ name: OperatorName, _: Function.Type, onShapes: @escaping @Sendable (Dimension, Dimension) -> Dimension
  ) -> Operator {
    Operator(
      name, inputs: 2...2, sharing: .overwrites([0, 1]),
      infer: { inference in
        try inference.broadcastAll()
        inference.combineShapeValues(onShapes)
      }, kernel: numeric(BinaryKernel<Function>.self))
  }

  private static func variadic<Function: BinaryFunction>(
    _ name: OperatorName, _: Function.Type,
    onShapes: (@Sendable (Dimension, Dimension) -> Dimension)? = nil
  ) -> Operator {
    Operator(
      name, inputs: 1...Operator.variadic, sharing: .overwrites([0, 1]),
      infer: { inference in
        try inference.broadcastAll()
        if let onShapes { inference.combineShapeValues(onShapes) }
      }, kernel: numeric(BinaryKernel<Function>.self))
  }

  /// Pow-15: the base's type; an exponent of another type is converted to it, both to double where the base is an
  /// integer and the exponent is not.
  private static func power(_ builder: inout KernelBuilder) throws {
    let (base, exponent) = (try builder.input(0), try builder.input(1))
    if base.elementType == exponent.elementType { return try numeric(BinaryKernel<Power>.self)(&builder) }
    let type: ElementType =
      base.elementType.isInteger && !exponent.elementType.isInteger ? .float64 : base.elementType
    try builder.converting(inputs: [0: type, 1: type], outputs: [0: type]) {
      try numeric(BinaryKernel<Power>.self)(&$0)
    }
  }
}

// MARK: - Functions

/// A function of two elements that every numeric type has.
protocol BinaryFunction: SendableMetatype {
  static func apply<Element: NumericElement>(_ a: Element, _ b: Element) -> Element
}

enum Sum: BinaryFunction {
  @inline(__always) static func apply<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.plus(b)
  }
}
enum Difference: BinaryFunction {
  @inline(__always) static func apply<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.minus(b)
  }
}
enum Product: BinaryFunction {
  @inline(__always) static func apply<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.times(b)
  }
}
enum Quotient: BinaryFunction {
  @inline(__always) static func apply<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.over(b)
  }
}
enum Remainder: BinaryFunction {
  @inline(__always) static func apply<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.remainder(by: b, truncating: false)
  }
}
enum TruncatedRemainder: BinaryFunction {
  @inline(__always) static func apply<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.remainder(by: b, truncating: true)
  }
}
enum Power: BinaryFunction {
  @inline(__always) static func apply<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.power(b)
  }
}
enum Maximum: BinaryFunction {
  @inline(__always) static func apply<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.maximum(b)
  }
}
enum Minimum: BinaryFunction {
  @inline(__always) static func apply<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.minimum(b)
  }
}

// MARK: - Kernels

/// output = f(f(input 0, input 1), input 2)...; a single input is copied.
enum BinaryKernel<Function: BinaryFunction>: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let output = try builder.output()
    let first = try builder.input(0)
    guard builder.inputs.count > 1 else {
      return builder.emit { memory in
        memory.map(memory.input(first, as: Element.self), memory.output(output), count: output.count) { $0 }
      }
    }
    var left = first
    for index in 1..<builder.inputs.count {
      let right = try builder.input(index)
      let broadcast = Broadcast(output: output.shape, operands: [left.shape, right.shape])
      builder.emit { [left] memory in
        memory.zip(
          broadcast, memory.input(left, as: Element.self), memory.input(right, as: Element.self),
          memory.output(output, as: Element.self), Function.apply)
      }
      // The third and later inputs are combined with the output itself, in place.
      left = output
    }
  }
}

/// The sum of all inputs over their number (ONNX Mean-13).
private enum MeanKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    try BinaryKernel<Sum>.prepare(&builder, as: Element.self)
    let output = try builder.output()
    let divisor = Element(clamping: Double(builder.inputs.count))
    builder.emit { memory in
      let target = memory.output(output, as: Element.self)
      memory.map(UnsafePointer(target), target, count: output.count) { $0.over(divisor) }
    }
  }
}

// MARK: - Shape rules

extension TypeInference {
  /// Output 0 has the broadcast shape of all inputs, and `elementType` or else that of input 0.
  mutating func broadcastAll(_ elementType: ElementType? = nil) throws {
    var shape: Shape? = []
    for index in inputTypes.indices { shape = try broadcast(shape, self.shape(index)) }
    set(0, elementType ?? self.elementType(0), shape)
  }

  /// Where all inputs hold known dimensions, so does output 0: combined element by element.
  mutating func combineShapeValues(_ combine: (Dimension, Dimension) -> Dimension) {
    guard elementType(0)?.isInteger == true else { return }
    var result: [Dimension]?
    for index in inputTypes.indices {
      guard let rank = shape(index)?.count, rank <= 1, let next = shapeValue(index) else { return }
      guard let left = result else {
        result = next
        continue
      }
      let count = left.count == 1 ? next.count : left.count
      guard next.count == count || next.count == 1 else { return }
      result = (0..<count).map { combine(left[left.count == 1 ? 0 : $0], next[next.count == 1 ? 0 : $0]) }
    }
    outputShapeValues[0] = result
  }
}

extension Dimension {
  static func maximum(_ a: Dimension, _ b: Dimension) -> Dimension {
    if let x = a.value, let y = b.value { return .fixed(Swift.max(x, y)) }
    return a == b ? a : .unknown
  }

  static func minimum(_ a: Dimension, _ b: Dimension) -> Dimension {
    if let x = a.value, let y = b.value { return .fixed(Swift.min(x, y)) }
    return a == b ? a : .unknown
  }
}

extension ElementType {
  var isInteger: Bool {
    switch self {
    case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .int4, .uint4, .int2, .uint2: true
    default: false
    }
  }

  var isFloat: Bool {
    switch self {
    case .float16, .bfloat16, .float32, .float64, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2,
      .float8e5m2fnuz,
      .float8e8m0, .float4e2m1:
      true
    default: false
    }
  }
}
