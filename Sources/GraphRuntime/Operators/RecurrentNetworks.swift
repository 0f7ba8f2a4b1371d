import ONNXParse

/// RNN-22, GRU-22 and LSTM-22: recurrent layers over a sequence, in one direction or both.
enum RecurrentNetworks {
  static let operators: [Operator] = [
    Operator(
      "RNN", inputs: 3...6, outputs: 1...2, infer: infer, kernel: floating(RecurrentKernel<PlainCell>.self)),
    Operator(
      "GRU", inputs: 3...6, outputs: 1...2, infer: infer, kernel: floating(RecurrentKernel<GatedCell>.self)),
    Operator(
      "LSTM", inputs: 3...8, outputs: 1...3, infer: infer,
      kernel: floating(RecurrentKernel<LongShortTermCell>.self)),
  ]

  /// X [steps, batch, input] (batch first with layout 1), W [directions, gates·hidden, input],
  /// R [directions, gates·hidden, hidden] -> Y [steps, directions, batch, hidden] and the last states.
  @Sendable private static func infer(_ inference: inout TypeInference) throws {
    let type = inference.elementType(0)
    guard let x = inference.shape(0), let r = inference.shape(2) else {
      for index in 0..<3 { inference.set(index, type, nil) }
      return
    }
    guard x.count == 3, r.count == 3 else { throw inference.mismatch("X and R must have 3 axes") }
    let batchFirst = try inference.node.int("layout", default: 0) == 1
    let (steps, batch) = batchFirst ? (x[1], x[0]) : (x[0], x[1])
    let (directions, hidden) = (r[0], r[2])
    inference.set(
      0, type, batchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden])
    let state: Shape = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]
    for index in 1..<3 { inference.set(index, type, state) }
  }
}

/// The extents of a recurrent layer, and what its attributes say.
struct RecurrentSettings: Sendable {
  let steps, batch, input, hidden, directions: Int
  let batchFirst: Bool
  /// For each direction, whether it goes from the last step to the first.
  let backwards: [Bool]
  /// For each direction, the activation of each gate kind.
  let activations: [[RecurrentActivation]]
  let clip: Double?
  let inputForget: Bool
  let linearBeforeReset: Bool

  init(_ builder: KernelBuilder, gates: Int, defaultActivations: [String]) throws {
    let (x, w, r) = (try builder.input(0).shape, try builder.input(1).shape, try builder.input(2).shape)
    let node = builder.node
    batchFirst = try node.int("layout", default: 0) == 1
    (steps, batch, input) = batchFirst ? (x[1], x[0], x[2]) : (x[0], x[1], x[2])
    (directions, hidden) = (r[0], r[2])
    guard w == [directions, gates * hidden, input], r[1] == gates * hidden else {
      throw GraphError(.shapeMismatch, "weights W \(w) and R \(r) don't fit an input of \(x)")
    }
    switch try node.string("direction", default: "forward") {
    case "forward" where directions == 1: backwards = [false]
    case "reverse" where directions == 1: backwards = [true]
    case "bidirectional" where directions == 2: backwards = [false, true]
    case let other:
      throw GraphError(.invalidAttribute, "direction '\(other)' doesn't fit \(directions) sets of weights")
    }
    let names = node.attributes["activations"]?.strings ?? []
    let all = names.isEmpty ? Array(repeating: defaultActivations, count: directions).flatMap(\.self) : names
    guard all.count == directions * defaultActivations.count else {
      throw GraphError(
        .invalidAttribute,
        "there must be \(directions * defaultActivations.count) activations, not \(all.count)")
    }
    // Parameters are listed only for the activations that have some.
    var alphas = (node.attributes["activation_alpha"]?.floats ?? [])[...]
    var betas = (node.attributes["activation_beta"]?.floats ?? [])[...]
    let made = try all.map { try RecurrentActivation($0, alphas: &alphas, betas: &betas) }
    activations = (0..<directions).map {
      Array(made[$0 * defaultActivations.count..<($0 + 1) * defaultActivations.count])
    }
    clip = node.attributes["clip"] == nil ? nil : Double(try node.float("clip", default: 0))
    inputForget = try node.flag("input_forget", default: false)
    linearBeforeReset = try node.flag("linear_before_reset", default: false)
  }
}

/// An activation function of a recurrent layer.
struct RecurrentActivation: Sendable {
  enum Kind: String {
    case sigmoid, tanh, relu, affine, leakyrelu, thresholdedrelu, scaledtanh, hardsigmoid, elu, softsign,
      softplus
  }

  let kind: Kind
  let alpha: Double
  let beta: Double

  init(_ name: String, alphas: inout ArraySlice<Float>, betas: inout ArraySlice<Float>) throws {
    guard let kind = Kind(rawValue: name.lowercased()) else {
      throw GraphError(.invalidAttribute, "activation '\(name)' is not known")
    }
    self.kind = kind
    func take(_ list: inout ArraySlice<Float>, default value: Double) -> Double {
      list.popFirst().map(Double.init) ?? value
    }
    switch kind {
    case .leakyrelu: (alpha, beta) = (take(&alphas, default: 0.01), 0)
    case .thresholdedrelu, .elu: (alpha, beta) = (take(&alphas, default: 1), 0)
    case .hardsigmoid: (alpha, beta) = (take(&alphas, default: 0.2), take(&betas, default: 0.5))
    case .affine, .scaledtanh:
      (alpha, beta) = (take(&alphas, default: 1), take(&betas, default: kind == .affine ? 0 : 1))
    default: (alpha, beta) = (0, 0)
    }
  }

  func callAsFunction<Element: FloatingElement>(_ x: Element) -> Element {
    let (alpha, beta) = (Element(alpha), Element(beta))
    return switch kind {
    case .sigmoid: 1 / (1 + .exp(-x))
    case .tanh: .tanh(x)
    case .relu: max(x, 0)
    case .affine: alpha * x + beta
    case .leakyrelu: x < 0 ? alpha * x : x
    case .thresholdedrelu: x > alpha ? x : 0
    case .scaledtanh: alpha * .tanh(beta * x)
    case .hardsigmoid: min(max(alpha * x + beta, 0), 1)
    case .elu: x < 0 ? alpha * (.exp(x) - 1) : x
    case .softsign: x / (1 + x.magnitude)
    case .softplus: .log(1 + .exp(x))
    }
  }
}

/// One step of a recurrent layer for one batch element.
protocol RecurrentCell: SendableMetatype {
  static var gates: Int { get }
  static var activations: [String] { get }
  static func step<Element: FloatingElement>(_ step: RecurrentStep<Element>)
}

/// What a cell works on: rows of `hidden` elements a gate.
struct RecurrentStep<Element: FloatingElement> {
  let settings: RecurrentSettings
  let activations: [RecurrentActivation]
  /// x·W + Wb and h·R + Rb, gate after gate.
  let fromInput: UnsafeMutablePointer<Element>
  let fromState: UnsafeMutablePointer<Element>
  /// h, which the step replaces; c (LSTM), which it replaces too.
  let state: UnsafeMutablePointer<Element>
  let cell: UnsafeMutablePointer<Element>
  /// Peephole weights of the LSTM: input, output, forget.
  let peepholes: UnsafePointer<Element>?
  /// For the GRU: the candidate's recurrent weights and bias, for products after the reset.
  let candidateWeights: UnsafePointer<Element>
  let candidateBias: UnsafePointer<Element>?
  let scratch: UnsafeMutablePointer<Element>

  func clipped(_ x: Element) -> Element {
    guard let clip = settings.clip else { return x }
    return min(max(x, Element(-clip)), Element(clip))
  }
}

private enum PlainCell: RecurrentCell {
  static let gates = 1
  static let activations = ["Tanh"]

  /// h' = f(x·W + h·R + b).
  static func step<Element: FloatingElement>(_ step: RecurrentStep<Element>) {
    for index in 0..<step.settings.hidden {
      step.state[index] = step.activations[0](step.clipped(step.fromInput[index] + step.fromState[index]))
    }
  }
}

private enum GatedCell: RecurrentCell {
  static let gates = 3
  static let activations = ["Sigmoid", "Tanh"]

  /// z, r = f(...); h~ = g(x·Wh + (r ∘ h)·Rh + b), or with linear_before_reset g(x·Wh + r ∘ (h·Rh + Rb) + Wb);
  /// h' = (1 - z) ∘ h~ + z ∘ h.
  static func step<Element: FloatingElement>(_ step: RecurrentStep<Element>) {
    let hidden = step.settings.hidden
    let (f, g) = (step.activations[0], step.activations[1])
    for index in 0..<2 * hidden {
      step.fromInput[index] = f(step.clipped(step.fromInput[index] + step.fromState[index]))
    }
    let (z, r, candidate) = (step.fromInput, step.fromInput + hidden, step.fromInput + 2 * hidden)
    if step.settings.linearBeforeReset {
      for index in 0..<hidden { candidate[index] += r[index] * step.fromState[2 * hidden + index] }
    } else {
      for index in 0..<hidden { step.scratch[index] = r[index] * step.state[index] }
      for index in 0..<hidden {
        var sum = step.candidateBias?[index] ?? 0
        let row = step.candidateWeights + index * hidden
        for place in 0..<hidden { sum += row[place] * step.scratch[place] }
        candidate[index] += sum
      }
    }
    for index in 0..<hidden {
      let value = g(step.clipped(candidate[index]))
      step.state[index] = (1 - z[index]) * value + z[index] * step.state[index]
    }
  }
}

private enum LongShortTermCell: RecurrentCell {
  static let gates = 4
  static let activations = ["Sigmoid", "Tanh", "Tanh"]

  /// Gates i, o, f, c; c' = f ∘ c + i ∘ g(c~); h' = o ∘ h(c'), with peepholes from the cell to the gates.
  static func step<Element: FloatingElement>(_ step: RecurrentStep<Element>) {
    let hidden = step.settings.hidden
    let (f, g, h) = (step.activations[0], step.activations[1], step.activations[2])
    func gate(_ number: Int, _ index: Int) -> Element {
      step.fromInput[number * hidden + index] + step.fromState[number * hidden + index]
    }
    for index in 0..<hidden {
      let cell = step.cell[index]
      let input = f(step.clipped(gate(0, index) + (step.peepholes.map { $0[index] * cell } ?? 0)))
      let forget =
        step.settings.inputForget
        ? 1 - input
        : f(step.clipped(gate(2, index) + (step.peepholes.map { $0[2 * hidden + index] * cell } ?? 0)))
      let next = forget * cell + input * g(step.clipped(gate(3, index)))
      let output = f(step.clipped(gate(1, index) + (step.peepholes.map { $0[hidden + index] * next } ?? 0)))
      step.cell[index] = next
      step.state[index] = output * h(next)
    }
  }
}
