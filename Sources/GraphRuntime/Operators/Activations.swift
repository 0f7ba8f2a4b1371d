import RealModule

/// An element-wise function of one variable, with its attributes.
protocol Activation: Sendable, SendableMetatype {
  init(_ node: Node) throws
  func callAsFunction<Element: FloatingElement>(_ x: Element) -> Element
}

/// Element-wise activation functions of one floating-point tensor. Relu, Clip, PRelu and Shrink, which take integers
/// too, stand in `Rectifiers`.
enum Activations {
  static let operators: [Operator] = [
    activation("LeakyRelu", LeakyRelu.self), activation("Elu", Elu.self), activation("Selu", Selu.self),
    activation("Celu", Celu.self), activation("Sigmoid", Sigmoid.self),
    activation("HardSigmoid", HardSigmoid.self),
    activation("HardSwish", HardSwish.self), activation("Tanh", Tanh.self),
    activation("Softplus", Softplus.self),
    activation("Softsign", Softsign.self), activation("ThresholdedRelu", ThresholdedRelu.self),
    activation("Gelu", Gelu.self), activation("Mish", Mish.self), activation("Swish", Swish.self),
    activation("Erf", Erf.self),
  ]

  private static func activation<Function: Activation>(_ name: OperatorName, _: Function.Type) -> Operator {
    Operator(
      name, inputs: 1...1, sharing: .overwrites([0]), infer: { $0.same() },
      kernel: floating(ActivationKernel<Function>.self))
  }
}

/// Applies an activation to every element.
struct ActivationKernel<Function: Activation>: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let function = try Function(builder.node)
    let x = try builder.input(0)
    let y = try builder.output()
    builder.emit { memory in
      memory.map(memory.input(x, as: Element.self), memory.output(y, as: Element.self), count: y.count) {
        function($0)
      }
    }
  }
}

// MARK: - The functions

/// x < 0 ? alpha·x : x (ONNX LeakyRelu-16).
struct LeakyRelu: Activation {
  let alpha: Float
  init(_ node: Node) throws { alpha = try node.float("alpha", default: 0.01) }
  func callAsFunction<T: FloatingElement>(_ x: T) -> T { x < 0 ? T(alpha) * x : x }
}

/// x < 0 ? alpha·(eˣ - 1) : x (ONNX Elu-22).
struct Elu: Activation {
  let alpha: Float
  init(_ node: Node) throws { alpha = try node.float("alpha", default: 1) }
  func callAsFunction<T: FloatingElement>(_ x: T) -> T { x < 0 ? T(alpha) * T.expMinusOne(x) : x }
}

/// x <= 0 ? gamma·(alpha·eˣ - alpha) : gamma·x (ONNX Selu-22).
struct Selu: Activation {
  let alpha, gamma: Float
  init(_ node: Node) throws {
    alpha = try node.float("alpha", default: 1.67326319217681884765625)
    gamma = try node.float("gamma", default: 1.05070102214813232421875)
  }
  func callAsFunction<T: FloatingElement>(_ x: T) -> T {
    T(gamma) * (x <= 0 ? T(alpha) * T.expMinusOne(x) : x)
  }
}

/// max(0, x) + min(0, alpha·(e^(x/alpha) - 1)) (ONNX Celu-28).
struct Celu: Activation {
  let alpha: Float
  init(_ node: Node) throws { alpha = try node.float("alpha", default: 1) }
  func callAsFunction<T: FloatingElement>(_ x: T) -> T {
    x > 0 ? x : T(alpha) * T.expMinusOne(x / T(alpha))
  }
}

/// 1 / (1 + e⁻ˣ) (ONNX Sigmoid-13).
struct Sigmoid: Activation {
  init(_ node: Node) throws {}
  init() {}
  func callAsFunction<T: FloatingElement>(_ x: T) -> T { 1 / (1 + T.exp(-x)) }
}

/// max(0, min(1, alpha·x + beta)) (ONNX HardSigmoid-22).
struct HardSigmoid: Activation {
  let alpha, beta: Float
  init(_ node: Node) throws {
    alpha = try node.float("alpha", default: 0.2)
    beta = try node.float("beta", default: 0.5)
  }
  func callAsFunction<T: FloatingElement>(_ x: T) -> T { max(0, min(1, T(alpha) * x + T(beta))) }
}

/// x·max(0, min(1, x/6 + 0.5)) (ONNX HardSwish-22).
struct HardSwish: Activation {
  init(_ node: Node) throws {}
  func callAsFunction<T: FloatingElement>(_ x: T) -> T { x * max(0, min(1, x / 6 + 0.5)) }
}

/// tanh x (ONNX Tanh-13).
struct Tanh: Activation {
  init(_ node: Node) throws {}
  func callAsFunction<T: FloatingElement>(_ x: T) -> T { T.tanh(x) }
}

/// ln(eˣ + 1) (ONNX Softplus-22), without overflow for large x.
struct Softplus: Activation {
  init(_ node: Node) throws {}
  init() {}
  func callAsFunction<T: FloatingElement>(_ x: T) -> T {
    x > 0 ? x + T.log(onePlus: T.exp(-x)) : T.log(onePlus: T.exp(x))
  }
}

/// x / (1 + |x|) (ONNX Softsign-22).
struct Softsign: Activation {
  init(_ node: Node) throws {}
  func callAsFunction<T: FloatingElement>(_ x: T) -> T { x / (1 + abs(x)) }
}

/// x > alpha ? x : 0 (ONNX ThresholdedRelu-22).
struct ThresholdedRelu: Activation {
  let alpha: Float
  init(_ node: Node) throws { alpha = try node.float("alpha", default: 1) }
  func callAsFunction<T: FloatingElement>(_ x: T) -> T { x > T(alpha) ? x : 0 }
}

/// x·Φ(x), or its approximation by tanh (ONNX Gelu-20).
struct Gelu: Activation {
  let isApproximate: Bool
  init(_ node: Node) throws {
    switch try node.string("approximate", default: "none") {
    case "none": isApproximate = false
    case "tanh": isApproximate = true
    case let other: throw GraphError(.invalidAttribute, "approximate '\(other)' is not known")
    }
  }
  func callAsFunction<T: FloatingElement>(_ x: T) -> T {
    isApproximate
      ? 0.5 * x * (1 + T.tanh(T.sqrt(2 / T.pi) * (x + 0.044715 * x * x * x)))
      : 0.5 * x * (1 + T.erf(x * T.sqrt(0.5)))
  }
}

/// x·tanh(softplus x) (ONNX Mish-22).
struct Mish: Activation {
  init(_ node: Node) throws {}
  func callAsFunction<T: FloatingElement>(_ x: T) -> T { x * T.tanh(Softplus()(x)) }
}

/// x·sigmoid(alpha·x) (ONNX Swish-24).
struct Swish: Activation {
  let alpha: Float
  init(_ node: Node) throws { alpha = try node.float("alpha", default: 1) }
  func callAsFunction<T: FloatingElement>(_ x: T) -> T { x * Sigmoid()(T(alpha) * x) }
}

/// The error function (ONNX Erf-13).
struct Erf: Activation {
  init(_ node: Node) throws {}
  func callAsFunction<T: FloatingElement>(_ x: T) -> T { T.erf(x) }
}
