/// Element-wise operations on the bits of integers, with NumPy broadcasting.
enum Bitwise {
  static let operators: [Operator] = [
    // BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot (ONNX opset 18).
    binary("BitwiseAnd", integral(BitwiseKernel<BitAnd>.self)),
    binary("BitwiseOr", integral(BitwiseKernel<BitOr>.self)),
    binary("BitwiseXor", integral(BitwiseKernel<BitXor>.self)),
    Operator(
      "BitwiseNot", inputs: 1...1, sharing: .overwrites([0]), infer: { $0.same() },
      kernel: integral(NotKernel.self)),
    // BitShift-28: a shift by the width or more, or by less than 0, shifts all bits out.
    binary("BitShift") { builder in
      switch try builder.node.string("direction", default: "") {
      case "LEFT": try integral(BitwiseKernel<ShiftLeft>.self)(&builder)
      case "RIGHT": try integral(BitwiseKernel<ShiftRight>.self)(&builder)
      case let other: throw GraphError(.invalidAttribute, "direction must be LEFT or RIGHT, not '\(other)'")
      }
    },
  ]

  private static func binary(_ name: OperatorName, _ kernel: @escaping PrepareKernel) -> Operator {
    Operator(
      name, inputs: 2...2, sharing: .overwrites([0, 1]), infer: { try $0.broadcastAll() }, kernel: kernel)
  }
}

private protocol BitFunction: SendableMetatype {
  static func apply<Element: FixedWidthInteger>(_ a: Element, _ b: Element) -> Element
}

private enum BitAnd: BitFunction {
  @inline(__always) static func apply<Element: FixedWidthInteger>(_ a: Element, _ b: Element) -> Element {
    a & b
  }
}
private enum BitOr: BitFunction {
  @inline(__always) static func apply<Element: FixedWidthInteger>(_ a: Element, _ b: Element) -> Element {
    a | b
  }
}
private enum BitXor: BitFunction {
  @inline(__always) static func apply<Element: FixedWidthInteger>(_ a: Element, _ b: Element) -> Element {
    a ^ b
  }
}
private enum ShiftLeft: BitFunction {
  @inline(__always) static func apply<Element: FixedWidthInteger>(_ a: Element, _ b: Element) -> Element {
    b < 0 ? 0 : a << b
  }
}
private enum ShiftRight: BitFunction {
  @inline(__always) static func apply<Element: FixedWidthInteger>(_ a: Element, _ b: Element) -> Element {
    b < 0 ? (a < 0 ? 0 &- 1 : 0) : a >> b
  }
}

private enum BitwiseKernel<Function: BitFunction>: IntegerKernel {
  static func prepare<Element: NumericElement & FixedWidthInteger>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (a, b, target) = (try builder.input(0), try builder.input(1), try builder.output())
    let broadcast = Broadcast(output: target.shape, operands: [a.shape, b.shape])
    builder.emit { memory in
      memory.zip(
        broadcast, memory.input(a, as: Element.self), memory.input(b, as: Element.self),
        memory.output(target, as: Element.self), Function.apply)
    }
  }
}

private enum NotKernel: IntegerKernel {
  static func prepare<Element: NumericElement & FixedWidthInteger>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    builder.emit { memory in
      memory.map(
        memory.input(source, as: Element.self), memory.output(target, as: Element.self), count: target.count
      ) { ~$0 }
    }
  }
}
