import GraphRuntime

/// The similarity learning network (figure 3): integration, a fully connected layer of 256, the score in 0..1.
struct SimilarityNetwork: Sendable {
  let integration: Integration
  /// [256, feature], with BatchNormalization and ReLU.
  let dense: DenseLayer
  /// [1, 256], then Sigmoid.
  let output: DenseLayer

  static let width = 256

  /// Trained layers from a head file.
  init(loading head: inout HeadWeights, feature: Int, integration: Integration) throws(CSNError) {
    self.integration = integration
    dense = try DenseLayer(
      loading: "similarity.fc", normalization: "similarity.bn", outputs: Self.width, inputs: feature,
      from: &head)
    output = try DenseLayer(
      loading: "similarity.output", normalization: nil, outputs: 1, inputs: Self.width, from: &head)
  }

  /// Layers derived from the output layer, so that the score falls with the distance of the centred class scores.
  init(deriving bottleneck: Bottleneck, integration: Integration) {
    self.integration = integration
    switch integration {
    case .squaredDifference: (dense, output) = Self.distanceLayers(bottleneck)
    case .product: (dense, output) = Self.correlationLayers(bottleneck)
    }
  }

  /// Score of a picture with itself: sigmoid(6) = 0.9975.
  private static let peak = 6.0

  /// By how much one element of the feature moves the centred scores, in the mean square: [feature].
  private static func energies(_ output: DenseLayer) -> [Double] {
    let weight = output.weight
    return (0..<weight.columns).map { column in
      let values = (0..<weight.rows).map { weight[$0, column] }
      let mean = values.reduce(0, +) / Double(values.count)
      return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
    }
  }

  /// sigmoid(6·(1 - d/2)), with d = √Σ e·g the root mean square difference of the centred scores: 2 lies, on
  /// photographs, between pairs of one kind and pairs of two.
  ///
  /// The units are hinges max(d² - tⱼ, 0) at tⱼ = (j/32)²; their sum with the changes of slope as weights is the
  /// piecewise linear interpolation of the square root, which goes on straight beyond 8.
  private static func distanceLayers(_ bottleneck: Bottleneck) -> (DenseLayer, DenseLayer) {
    let half = 2.0
    let step = 4 * half / Double(width)
    let energies = energies(bottleneck.output)
    let weight = Matrix(
      rows: width, columns: energies.count, elements: (0..<width).flatMap { _ in energies })
    let thresholds = (0..<width).map { -(Double($0) * step) * (Double($0) * step) }
    // Between knots j and j+1 the square root rises by `step` over (2j+1)·step².
    let slopes = (0..<width).map { 1 / (Double(2 * $0 + 1) * step) }
    let changes = slopes.indices.map { slopes[$0] - ($0 > 0 ? slopes[$0 - 1] : 0) }
    let output = DenseLayer(
      weight: Matrix(rows: 1, columns: width, elements: changes.map { -peak / half * $0 }), bias: [peak],
      normalization: nil)
    return (hidden(weight, shift: thresholds), output)
  }

  /// sigmoid(6·(c/0.75 - 1)), with c = Σ e·F·F1 the mean product of the centred scores. The clearance in the feature
  /// adds the same to every pair and is taken off.
  private static func correlationLayers(_ bottleneck: Bottleneck) -> (DenseLayer, DenseLayer) {
    let scale = 1 / 0.75
    let feature = bottleneck.featureWidth
    // Derived features measure the scores' root mean square by themselves.
    let energies =
      bottleneck.clearance == nil ? energies(bottleneck.output) : [Double](repeating: 1, count: feature)
    let clearance = bottleneck.clearance ?? 0
    let common = energies.reduce(0, +) * clearance * clearance * scale
    let signs = (0..<width).map { $0 % 2 == 0 ? 1.0 : -1.0 }
    let weight = Matrix(
      rows: width, columns: feature, elements: signs.flatMap { sign in energies.map { sign * $0 * scale } })
    let output = DenseLayer(
      weight: Matrix(rows: 1, columns: width, elements: signs.map { $0 * peak / Double(width / 2) }),
      bias: [-peak],
      normalization: nil)
    return (hidden(weight, shift: signs.map { -$0 * common }), output)
  }

  private static func hidden(_ weight: Matrix, shift: [Double]) -> DenseLayer {
    DenseLayer(weight: weight, bias: [Double](repeating: 0, count: width), normalization: .adding(shift))
  }
}

extension SimilarityNetwork {
  /// Adds the scores of all pairs: features [N, F] to [N, N].
  func append(to graph: inout Graph, features: Value.ID, output name: String) -> Value.ID {
    func constant(_ name: String, _ values: [Int64]) -> Value.ID {
      graph.addInitializer("similarity.\(name)", Tensor(values, shape: [values.count]))
    }
    let (rows, columns) = (constant("rows", [1]), constant("columns", [0]))
    let first = graph.add("Unsqueeze", features, rows, name: "similarity.first")
    let second = graph.add("Unsqueeze", features, columns, name: "similarity.second")
    let joined: Value.ID
    switch integration {
    case .squaredDifference:
      let difference = graph.add("Sub", first, second, name: "similarity.difference")
      joined = graph.add("Mul", difference, difference, name: "similarity.integration")
    case .product: joined = graph.add("Mul", first, second, name: "similarity.integration")
    }
    let pairs = graph.add(
      "Reshape", joined, constant("pairs", [-1, Int64(dense.weight.columns)]), name: "similarity.pairs")
    let hidden = dense.append(
      to: &graph, reading: pairs, name: "similarity.fc", normalization: "similarity.bn")
    let score = output.append(to: &graph, reading: hidden, name: "similarity.output")
    let probability = graph.add("Sigmoid", score, name: "similarity.score")
    let count = graph.add(
      "Shape", features, attributes: ["start": .int(0), "end": .int(1)], name: "similarity.count")
    let square = graph.add("Concat", count, count, attributes: ["axis": .int(0)], name: "similarity.square")
    return graph.add("Reshape", probability, square, name: name, output: name)
  }
}
