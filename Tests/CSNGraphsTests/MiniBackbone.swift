import GraphRuntime

/// A little classifier with the parts of ResNet50 and GoogLeNet, in the spelling of this or that exporter.
struct MiniBackbone {
  enum Pooling: CaseIterable { case globalAverage, reduceMean, reduceMeanWithoutAxes, averagePool }
  enum Shaping: CaseIterable { case flatten, reshape, squeeze, none }
  enum Dense: CaseIterable { case gemm, gemmTransposed, matMulAdd, addMatMul, convolution, transposedWeight }
  enum Normalization: CaseIterable { case none, batch, folded }

  var pooling = Pooling.globalAverage
  var shaping = Shaping.flatten
  var dense = Dense.gemm
  var normalization = Normalization.none
  var hasSoftmax = true
  var hasDropout = false
  var channelsLast = false
  var classes = 10
  var features = 16
  var stemSize = 7
  /// What a mean and a variance of this input would leave in the first BatchNormalization.
  var inputMean = 0.0
  var inputDeviation = 60.0
  var size = 32

  /// Numbers in -1..1, the same every time.
  static func numbers(_ count: Int, seed: UInt64, scale: Double = 1) -> [Double] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return scale * (Double(state >> 11) / Double(1 << 52) - 1)
    }
  }

  var classifierWeight: [Double] { Self.numbers(classes * features, seed: 5) }
  var classifierBias: [Double] { Self.numbers(classes, seed: 6) }
  var stemWeight: [Double] {
    Self.numbers(64 * 3 * stemSize * stemSize, seed: 1, scale: 0.1).enumerated().map {
      $1 + 0.01 * Double($0 % 5)
    }
  }

  static func tensor(_ values: [Double], _ shape: Int...) -> Tensor {
    Tensor(values.map(Float.init), shape: shape)
  }

  /// The network.
  func graph() -> Graph {
    var graph = Graph(name: "mini")
    let shape: Shape =
      channelsLast
      ? [.symbol("N"), .fixed(size), .fixed(size), 3] : [.symbol("N"), 3, .fixed(size), .fixed(size)]
    var value = graph.addInput("data", .tensor(TensorType(.float32, shape)))
    if channelsLast { value = graph.add("Transpose", value, attributes: ["perm": .ints([0, 3, 1, 2])]) }
    value = stem(in: &graph, reading: value)
    let weight = graph.addInitializer(
      "body.weight", Self.tensor(Self.numbers(features * 64, seed: 2, scale: 0.4), features, 64, 1, 1))
    value = graph.add("Conv", value, weight, attributes: ["kernel_shape": .ints([1, 1])], name: "body")
    value = graph.add("Relu", value)
    value = pool(value, in: &graph)
    if hasDropout { value = graph.add("Dropout", value) }
    value = shaped(value, in: &graph)
    value = classifier(reading: value, in: &graph)
    if hasSoftmax { value = graph.add("Softmax", value, attributes: ["axis": .int(1)]) }
    graph.addOutput(value)
    return graph
  }

  /// The network with types inferred and its output asked for.
  func probabilities(_ input: Tensor) throws -> [Float] {
    let graph = graph()
    let result = try Interpreter(graph).run([graph.inputs[0]: .tensor(input)])
    return result[0].tensor?.elements(Float.self) ?? []
  }
}

extension MiniBackbone {
  private func stem(in graph: inout Graph, reading input: Value.ID) -> Value.ID {
    let area = stemSize * stemSize
    var weights = stemWeight
    let sums = (0..<64).map { filter in weights[(filter * 3 * area)..<((filter + 1) * 3 * area)].reduce(0, +)
    }
    let mean = sums.map { $0 * inputMean }
    let gains = normalization == .none ? [] : StemGain.of(weights, size: stemSize)
    let variance = gains.map { $0 * inputDeviation * inputDeviation }
    var bias: [Double]?
    if normalization == .folded {
      for filter in 0..<64 {
        let factor = 1 / (variance[filter] + 1e-5).squareRoot()
        for position in 0..<3 * area { weights[filter * 3 * area + position] *= factor }
      }
      bias = (0..<64).map { -mean[$0] / (variance[$0] + 1e-5).squareRoot() }
    }
    let weight = graph.addInitializer("stem.weight", Self.tensor(weights, 64, 3, stemSize, stemSize))
    let side = stemSize / 2
    let attributes: [String: Attribute] = [
      "kernel_shape": .ints([stemSize, stemSize]), "strides": .ints([2, 2]),
      "pads": .ints([side, side, side, side]),
    ]
    var value: Value.ID
    if let bias {
      let term = graph.addInitializer("stem.bias", Self.tensor(bias, 64))
      value = graph.add("Conv", input, weight, term, attributes: attributes, name: "stem")
    } else {
      value = graph.add("Conv", input, weight, attributes: attributes, name: "stem")
    }
    if normalization == .batch {
      let ones = graph.addInitializer("bn.scale", Self.tensor([Double](repeating: 1, count: 64), 64))
      let zeros = graph.addInitializer("bn.bias", Self.tensor([Double](repeating: 0, count: 64), 64))
      let means = graph.addInitializer("bn.mean", Self.tensor(mean, 64))
      let variances = graph.addInitializer("bn.var", Self.tensor(variance, 64))
      value = graph.add("BatchNormalization", value, ones, zeros, means, variances)
    }
    return graph.add("Relu", value)
  }

  private func pool(_ value: Value.ID, in graph: inout Graph) -> Value.ID {
    switch pooling {
    case .globalAverage: return graph.add("GlobalAveragePool", value, name: "pool")
    case .averagePool:
      return graph.add(
        "AveragePool", value, attributes: ["kernel_shape": .ints([size / 2, size / 2])], name: "pool")
    case .reduceMean:
      let axes = graph.addInitializer("axes", Tensor([2, 3] as [Int64], shape: [2]))
      return graph.add("ReduceMean", value, axes, name: "pool")
    case .reduceMeanWithoutAxes:
      // As Keras networks come: back to channels last, then the mean over height and width.
      let last = graph.add("Transpose", value, attributes: ["perm": .ints([0, 2, 3, 1])])
      let axes = graph.addInitializer("axes", Tensor([1, 2] as [Int64], shape: [2]))
      return graph.add("ReduceMean", last, axes, attributes: ["keepdims": .int(0)], name: "pool")
    }
  }

  private func shaped(_ value: Value.ID, in graph: inout Graph) -> Value.ID {
    if dense == .convolution || pooling == .reduceMeanWithoutAxes { return value }
    switch shaping {
    case .flatten: return graph.add("Flatten", value)
    case .reshape:
      let target = graph.addInitializer("target", Tensor([-1, Int64(features)], shape: [2]))
      return graph.add("Reshape", value, target)
    case .squeeze:
      let axes = graph.addInitializer("squeezed", Tensor([2, 3] as [Int64], shape: [2]))
      return graph.add("Squeeze", value, axes)
    case .none: return graph.add("Flatten", value)
    }
  }

  private func classifier(reading value: Value.ID, in graph: inout Graph) -> Value.ID {
    let (weight, bias) = (classifierWeight, Self.tensor(classifierBias, classes))
    var transposed = weight
    for row in 0..<classes {
      for column in 0..<features { transposed[column * classes + row] = weight[row * features + column] }
    }
    let straight = Self.tensor(weight, classes, features)
    let turned = Self.tensor(transposed, features, classes)
    func constant(_ name: String, _ tensor: Tensor) -> Value.ID { graph.addInitializer(name, tensor) }
    switch dense {
    case .gemm: return graph.add("Gemm", value, constant("w", turned), constant("b", bias), name: "fc")
    case .gemmTransposed:
      return graph.add(
        "Gemm", value, constant("w", straight), constant("b", bias), attributes: ["transB": .int(1)],
        name: "fc")
    case .matMulAdd:
      return graph.add(
        "Add", graph.add("MatMul", value, constant("w", turned), name: "fc"), constant("b", bias))
    case .addMatMul:
      return graph.add(
        "Add", constant("b", bias), graph.add("MatMul", value, constant("w", turned), name: "fc"))
    case .transposedWeight:
      let weights = graph.add("Transpose", constant("w", straight), attributes: ["perm": .ints([1, 0])])
      return graph.add("Gemm", value, weights, constant("b", bias), name: "fc")
    case .convolution:
      let kernel = Tensor(weight.map(Float.init), shape: [classes, features, 1, 1])
      let scores = graph.add(
        "Conv", value, constant("w", kernel), constant("b", bias),
        attributes: ["kernel_shape": .ints([1, 1])], name: "fc")
      return graph.add("Flatten", scores)
    }
  }
}

/// The variance of each filter's output on pictures whose neighbours and channels go together.
enum StemGain {
  static func of(_ weights: [Double], size: Int) -> [Double] {
    let area = size * size
    return (0..<weights.count / (3 * area)).map { filter in
      var sum = 0.0
      for a in 0..<3 * area {
        for b in 0..<3 * area {
          let distance = abs(a % area / size - b % area / size) + abs(a % size - b % size)
          let channels = a / area == b / area ? 1.0 : 0.9
          var correlation = channels
          for _ in 0..<distance { correlation *= 0.95 }
          sum += weights[filter * 3 * area + a] * weights[filter * 3 * area + b] * correlation
        }
      }
      return sum
    }
  }
}
