import ONNXParse
import RealModule

/// Operators that draw random numbers: RandomUniform, RandomNormal and their Like forms, Bernoulli, Multinomial
/// (ONNX opset 22). With a `seed` every run draws the same numbers; which ones, the standard leaves open.
enum Randomness {
  static let operators: [Operator] = [
    generator("RandomUniform", inputs: 0...0, infer: inferShape, kernel: uniform),
    generator("RandomUniformLike", inputs: 1...1, infer: inferLike, kernel: uniform),
    generator("RandomNormal", inputs: 0...0, infer: inferShape, kernel: normal),
    generator("RandomNormalLike", inputs: 1...1, infer: inferLike, kernel: normal),
    generator("Bernoulli", inputs: 1...1, infer: inferLike, kernel: bernoulli),
    generator("Multinomial", inputs: 1...1, infer: inferMultinomial, kernel: multinomial),
  ]

  private static func generator(
    _ name: OperatorName, inputs: ClosedRange<Int>,
    infer: @escaping @Sendable (inout TypeInference) throws -> Void,
    kernel: @escaping PrepareKernel
  ) -> Operator {
    Operator(name, inputs: inputs, isDeterministic: false, infer: infer, kernel: kernel)
  }

  // MARK: Types

  @Sendable private static func inferShape(_ inference: inout TypeInference) throws {
    guard let shape = try inference.node.ints("shape") else {
      throw GraphError(.invalidAttribute, "attribute 'shape' is missing")
    }
    let code = try inference.node.int("dtype", default: Int(ElementType.float32.rawValue))
    inference.set(0, try ElementType(onnx: code), Shape(shape))
  }

  @Sendable private static func inferLike(_ inference: inout TypeInference) throws {
    let code = try inference.node.int("dtype", default: 0)
    inference.set(0, code == 0 ? inference.elementType(0) : try ElementType(onnx: code), inference.shape(0))
  }

  @Sendable private static func inferMultinomial(_ inference: inout TypeInference) throws {
    let samples = try inference.node.int("sample_size", default: 1)
    let code = try inference.node.int("dtype", default: Int(ElementType.int32.rawValue))
    inference.set(0, try ElementType(onnx: code), [inference.shape(0)?.first ?? .unknown, .fixed(samples)])
  }

  // MARK: Kernels

  /// Fills output 0 with what `draw` gives, made as `Double` and converted to the output's type.
  private static func fill(
    _ builder: inout KernelBuilder, _ draw: @escaping @Sendable (inout RandomNumbers) -> Double
  ) throws {
    let target = try builder.output()
    let wide = builder.scratch(.float64, like: target)
    let seed = try RandomNumbers.seed(of: builder.node)
    builder.emit { memory in
      var numbers = RandomNumbers(seed: seed)
      let to = memory.output(wide, as: Double.self)
      for index in 0..<target.count { to[index] = draw(&numbers) }
    }
    builder.emitConversion(wide, target)
  }

  private static func uniform(_ builder: inout KernelBuilder) throws {
    let low = Double(try builder.node.float("low", default: 0))
    let high = Double(try builder.node.float("high", default: 1))
    try fill(&builder) { low + (high - low) * $0.uniform() }
  }

  private static func normal(_ builder: inout KernelBuilder) throws {
    let mean = Double(try builder.node.float("mean", default: 0))
    let scale = Double(try builder.node.float("scale", default: 1))
    try fill(&builder) { mean + scale * $0.normal() }
  }

  /// 1 with the probability that the input gives, else 0.
  private static func bernoulli(_ builder: inout KernelBuilder) throws {
    try builder.converting(inputs: [0: .float64], outputs: [0: .float64]) { builder in
      let (source, target) = (try builder.input(0), try builder.output())
      let seed = try RandomNumbers.seed(of: builder.node)
      builder.emit { memory in
        var numbers = RandomNumbers(seed: seed)
        let from = memory.input(source, as: Double.self)
        let to = memory.output(target, as: Double.self)
        for index in 0..<target.count { to[index] = numbers.uniform() < from[index] ? 1 : 0 }
      }
    }
  }

  /// Classes drawn by their unnormalised log-probabilities.
  private static func multinomial(_ builder: inout KernelBuilder) throws {
    try builder.converting(inputs: [0: .float64], outputs: [0: .int64]) { builder in
      let (source, target) = (try builder.input(0), try builder.output())
      let classes = source.shape.last ?? 0
      guard source.shape.count == 2, classes > 0 else {
        throw GraphError(.shapeMismatch, "the input must be [batch, classes], not \(source.shape)")
      }
      let samples = target.shape[1]
      let seed = try RandomNumbers.seed(of: builder.node)
      builder.emit { memory in
        var numbers = RandomNumbers(seed: seed)
        for batch in 0..<target.shape[0] {
          let row = memory.input(source, as: Double.self) + batch * classes
          let largest = (0..<classes).reduce(-Double.infinity) { max($0, row[$1]) }
          let total = (0..<classes).reduce(0) { $0 + Double.exp(row[$1] - largest) }
          for sample in 0..<samples {
            var rest = numbers.uniform() * total
            var drawn = classes - 1
            for index in 0..<classes {
              rest -= .exp(row[index] - largest)
              if rest < 0 {
                drawn = index
                break
              }
            }
            memory.output(target, as: Int64.self)[batch * samples + sample] = Int64(drawn)
          }
        }
      }
    }
  }
}

/// A stream of random numbers: SplitMix64 (Steele, Lea and Flood, 2014).
struct RandomNumbers {
  private var state: UInt64

  /// A stream that `seed` decides; a new one each time for nil.
  init(seed: UInt64?) { state = seed ?? .random(in: .min ... .max) }

  /// The `seed` of a node; nil where it has none.
  static func seed(of node: Node) throws -> UInt64? {
    guard node.attributes["seed"] != nil else { return nil }
    return UInt64(try node.float("seed", default: 0).bitPattern)
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  /// Evenly distributed in 0..<1.
  mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// Normally distributed, by Box and Muller.
  mutating func normal() -> Double {
    let radius = (-2 * Double.log(1 - uniform())).squareRoot()
    return radius * .cos(2 * .pi * uniform())
  }
}
