import RealModule

/// Steps of gradient descent (ai.onnx.preview.training, opset 1): Momentum, Adagrad, Adam. Inputs: rate, step count, all
/// tensors, all gradients, all first states (and for Adam all second); outputs: all tensors, all states.
enum GradientSteps {
  static let operators: [Operator] = [
    step("Momentum", states: 1, floating(DescentKernel<MomentumRule>.self)),
    step("Adagrad", states: 1, floating(DescentKernel<AdagradRule>.self)),
    step("Adam", states: 2, floating(DescentKernel<AdamRule>.self)),
  ]

  private static func step(_ name: String, states: Int, _ kernel: @escaping PrepareKernel) -> Operator {
    Operator(
      OperatorName(name, domain: "ai.onnx.preview.training"), inputs: 4 + states...Operator.variadic,
      outputs: 1 + states...Operator.variadic,
      infer: { inference in
        let groups = inference.inputTypes.count - 2
        guard groups % (2 + states) == 0 else {
          throw inference.mismatch("\(groups) tensors can't be grouped")
        }
        let count = groups / (2 + states)
        for index in inference.outputTypes.indices {
          // The tensors first, then the states, which stand behind the gradients.
          let source = 2 + (index < count ? index : index + count)
          inference.set(index, inference.elementType(source), inference.shape(source))
        }
      },
      kernel: { builder in
        guard try builder.input(0).elementType == builder.input(2).elementType else {
          throw builder.unsupportedType(try builder.input(0).elementType)
        }
        try kernel(&builder)
      })
  }
}

/// One element's step.
private protocol DescentRule: SendableMetatype {
  static var states: Int { get }
  init(_ node: Node) throws
  /// The element, its gradient and states after the step.
  func step<Element: FloatingElement>(
    _ x: Element, gradient: Element, states: SIMD2<Double>, rate: Double, count: Int64
  ) -> (x: Double, states: SIMD2<Double>)
}

private enum DescentKernel<Rule: DescentRule & Sendable>: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let rule = try Rule(builder.node)
    _ = try builder.single(1)
    let (rate, count) = (try builder.single(0), try builder.indices(1))
    let groups = (builder.inputs.count - 2) / (2 + Rule.states)
    for group in 0..<groups {
      let (x, gradient) = (try builder.input(2 + group), try builder.input(2 + groups + group))
      let states = try (0..<Rule.states).map { try builder.input(2 + (2 + $0) * groups + group) }
      let outputs = (0...Rule.states).map { builder.optionalOutput($0 * groups + group) }
      guard x.elementType == Element.elementType,
        ([gradient] + states).allSatisfy({ $0.shape == x.shape && $0.elementType == x.elementType })
      else {
        throw GraphError(.shapeMismatch, "a tensor, its gradient and its states must have one type")
      }
      builder.emit { memory in
        let rate = Double(memory.input(rate, as: Element.self).pointee)
        let count = memory.input(count, as: Int64.self).pointee
        for index in 0..<x.count {
          var values = SIMD2<Double>(repeating: 0)
          for (lane, state) in states.enumerated() {
            values[lane] = Double(memory.input(state, as: Element.self)[index])
          }
          let result = rule.step(
            memory.input(x, as: Element.self)[index], gradient: memory.input(gradient)[index], states: values,
            rate: rate,
            count: count)
          if let output = outputs[0] { memory.output(output, as: Element.self)[index] = Element(result.x) }
          for lane in 0..<Rule.states {
            if let output = outputs[1 + lane] {
              memory.output(output, as: Element.self)[index] = Element(result.states[lane])
            }
          }
        }
      }
    }
  }
}

private struct MomentumRule: DescentRule, Sendable {
  static let states = 1
  let alpha, beta, norm: Double
  let isNesterov: Bool

  init(_ node: Node) throws {
    alpha = Double(try node.float("alpha", default: 0))
    beta = Double(try node.float("beta", default: 0))
    norm = Double(try node.float("norm_coefficient", default: 0))
    isNesterov = try node.string("mode", default: "standard") == "nesterov"
  }

  func step<Element: FloatingElement>(
    _ x: Element, gradient: Element, states: SIMD2<Double>, rate: Double, count: Int64
  ) -> (x: Double, states: SIMD2<Double>) {
    let slope = norm * Double(x) + Double(gradient)
    let momentum = alpha * states[0] + (count > 0 ? beta : 1) * slope
    return (Double(x) - rate * (isNesterov ? slope + alpha * momentum : momentum), SIMD2(momentum, 0))
  }
}

private struct AdagradRule: DescentRule, Sendable {
  static let states = 1
  let norm, decay, epsilon: Double

  init(_ node: Node) throws {
    norm = Double(try node.float("norm_coefficient", default: 0))
    decay = Double(try node.float("decay_factor", default: 0))
    epsilon = Double(try node.float("epsilon", default: 1e-6))
  }

  func step<Element: FloatingElement>(
    _ x: Element, gradient: Element, states: SIMD2<Double>, rate: Double, count: Int64
  ) -> (x: Double, states: SIMD2<Double>) {
    let slope = norm * Double(x) + Double(gradient)
    let squares = states[0] + slope * slope
    let adapted = rate / (1 + Double(count) * decay)
    return (Double(x) - adapted * slope / (squares.squareRoot() + epsilon), SIMD2(squares, 0))
  }
}

private struct AdamRule: DescentRule, Sendable {
  static let states = 2
  let alpha, beta, norm, normPost, epsilon: Double

  init(_ node: Node) throws {
    alpha = Double(try node.float("alpha", default: 0.9))
    beta = Double(try node.float("beta", default: 0.999))
    norm = Double(try node.float("norm_coefficient", default: 0))
    normPost = Double(try node.float("norm_coefficient_post", default: 0))
    epsilon = Double(try node.float("epsilon", default: 1e-6))
  }

  func step<Element: FloatingElement>(
    _ x: Element, gradient: Element, states: SIMD2<Double>, rate: Double, count: Int64
  ) -> (x: Double, states: SIMD2<Double>) {
    let slope = norm * Double(x) + Double(gradient)
    let mean = alpha * states[0] + (1 - alpha) * slope
    let squares = beta * states[1] + (1 - beta) * slope * slope
    let steps = Double(count)
    let adjusted = count > 0 ? rate * (1 - .pow(beta, steps)).squareRoot() / (1 - .pow(alpha, steps)) : rate
    let next = Double(x) - adjusted * mean / (squares.squareRoot() + epsilon)
    return ((1 - normPost) * next, SIMD2(mean, squares))
  }
}
