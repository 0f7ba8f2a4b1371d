import RealModule

/// Element-wise functions of one operand.
enum ElementaryFunctions {
  static let operators: [Operator] = [
    // Abs, Neg, Sign (ONNX opset 13).
    signed("Abs", SignedKernel<Absolute>.self),
    signed("Neg", SignedKernel<Negated>.self),
    signed("Sign", SignedKernel<Signum>.self),
    // Exp, Log, Sqrt, Reciprocal, Floor, Ceil (opset 13), Round-22 (half to even).
    real("Exp", Exponential.self), real("Log", Logarithm.self), real("Sqrt", SquareRoot.self),
    real("Reciprocal", Reciprocal.self), real("Floor", Floor.self), real("Ceil", Ceiling.self),
    real("Round", RoundHalfToEven.self),
    // Trigonometry (opset 22).
    real("Sin", Sine.self), real("Cos", Cosine.self), real("Tan", Tangent.self),
    real("Asin", Arcsine.self), real("Acos", Arccosine.self), real("Atan", Arctangent.self),
    real("Sinh", HyperbolicSine.self), real("Cosh", HyperbolicCosine.self),
    real("Asinh", InverseHyperbolicSine.self), real("Acosh", InverseHyperbolicCosine.self),
    real("Atanh", InverseHyperbolicTangent.self),
  ]

  private static func signed<Kernel: NumericKernel>(_ name: OperatorName, _: Kernel.Type) -> Operator {
    Operator(
      name, inputs: 1...1, sharing: .overwrites([0]), infer: { $0.same() }, kernel: numeric(Kernel.self))
  }

  private static func real<Function: RealFunction>(_ name: OperatorName, _: Function.Type) -> Operator {
    Operator(
      name, inputs: 1...1, sharing: .overwrites([0]), infer: { $0.same() },
      kernel: floating(RealKernel<Function>.self))
  }
}

// MARK: - Functions of every number

private protocol SignedFunction: SendableMetatype {
  static func apply<Element: NumericElement>(_ x: Element) -> Element
}

private enum Absolute: SignedFunction {
  @inline(__always) static func apply<Element: NumericElement>(_ x: Element) -> Element { x.absolute }
}
private enum Negated: SignedFunction {
  @inline(__always) static func apply<Element: NumericElement>(_ x: Element) -> Element { x.negated }
}
private enum Signum: SignedFunction {
  @inline(__always) static func apply<Element: NumericElement>(_ x: Element) -> Element { x.signum }
}

private enum SignedKernel<Function: SignedFunction>: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    builder.emit { memory in
      memory.map(
        memory.input(source, as: Element.self), memory.output(target, as: Element.self), count: target.count,
        Function.apply)
    }
  }
}

// MARK: - Functions of real numbers

/// A function of a real number.
protocol RealFunction: SendableMetatype {
  static func apply<Element: FloatingElement>(_ x: Element) -> Element
}

/// output = f(input), element by element.
enum RealKernel<Function: RealFunction>: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    builder.emit { memory in
      memory.map(
        memory.input(source, as: Element.self), memory.output(target, as: Element.self), count: target.count,
        Function.apply)
    }
  }
}

private enum Exponential: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { .exp(x) }
}
private enum Logarithm: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { .log(x) }
}
private enum SquareRoot: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { x.squareRoot() }
}
private enum Reciprocal: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { 1 / x }
}
private enum Floor: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { x.rounded(.down) }
}
private enum Ceiling: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { x.rounded(.up) }
}
private enum RoundHalfToEven: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element {
    x.rounded(.toNearestOrEven)
  }
}
private enum Sine: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { .sin(x) }
}
private enum Cosine: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { .cos(x) }
}
private enum Tangent: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { .tan(x) }
}
private enum Arcsine: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { .asin(x) }
}
private enum Arccosine: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { .acos(x) }
}
private enum Arctangent: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { .atan(x) }
}
private enum HyperbolicSine: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { .sinh(x) }
}
private enum HyperbolicCosine: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { .cosh(x) }
}
private enum InverseHyperbolicSine: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { .asinh(x) }
}
private enum InverseHyperbolicCosine: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { .acosh(x) }
}
private enum InverseHyperbolicTangent: RealFunction {
  @inline(__always) static func apply<Element: FloatingElement>(_ x: Element) -> Element { .atanh(x) }
}
