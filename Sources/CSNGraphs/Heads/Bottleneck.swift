import GraphRuntime

/// The fully connected layers between the last pooling and the classes, and the output layer.
struct Bottleneck: Sendable {
  /// Each with BatchNormalization and ReLU; the last one makes the feature.
  let layers: [DenseLayer]
  var output: DenseLayer
  /// What a derived feature layer adds to every element so that ReLU never cuts; nil of a trained one.
  let clearance: Double?

  var widths: [Int] { layers.map(\.weight.rows) }
  var featureWidth: Int { layers.last?.weight.rows ?? 0 }

  /// Trained layers from a head file.
  init(loading head: inout HeadWeights, inputs: Int, widths: [Int], classes: Int) throws(CSNError) {
    var layers: [DenseLayer] = []
    var width = inputs
    for (index, outputs) in widths.enumerated() {
      layers.append(
        try DenseLayer(
          loading: "fc\(index + 1)", normalization: "bn\(index + 1)", outputs: outputs, inputs: width,
          from: &head))
      width = outputs
    }
    self.layers = layers
    clearance = nil
    output = try DenseLayer(
      loading: "output", normalization: nil, outputs: classes, inputs: width, from: &head)
  }

  /// Layers derived from the pretrained classifier by its factorisation.
  ///
  /// Softmax does not see what all classes share, so the classifier W is centred over the classes first. With
  /// W = U S Vᵀ cut at rank r, F = S Vᵀ x / √classes is the feature and √classes · U F + b the scores: classes survive
  /// as far as r dimensions hold them, and distances in F are root mean square differences of centred scores.
  ///
  /// ReLU lets only positive values pass: hidden layers carry each signed component as a pair (+, -), repeated as
  /// often as the width allows, and the feature layer adds a clearance, below which no component falls.
  init(deriving classifier: Backbone.Classifier, widths: [Int], integration: Integration) throws(CSNError) {
    let factors = try Factors(classifier, widths: widths, integration: integration)
    var layers: [DenseLayer] = []
    // The signed components as a reading of the layer before: components = readout · values + constant.
    var readout = factors.projection
    var constant = [Double](repeating: 0, count: readout.rows)
    for (index, width) in widths.enumerated() {
      let isFeature = index == widths.count - 1
      let code = SignedCode(
        components: readout.rows, width: width, shift: factors.clearance,
        asPairs: !isFeature && width >= 2 * readout.rows)
      let mixing = isFeature ? factors.spread * readout : readout
      let offsets = isFeature ? factors.spread.times(constant) : constant
      layers.append(code.layer(reading: mixing, constant: offsets))
      (readout, constant) = isFeature ? (factors.gather(width), code.constant) : (code.readout, code.constant)
    }
    self.layers = layers
    clearance = factors.clearance
    // Scores = unit · U · gathered components; the clearance that the feature carries comes off in the bias.
    var bias = factors.bias
    let feature = widths[widths.count - 1]
    let weight = factors.scores * factors.gather(feature)
    for row in 0..<weight.rows { bias[row] -= weight.row(row).reduce(0, +) * factors.clearance }
    output = DenseLayer(weight: weight, bias: bias, normalization: nil)
  }
}

/// The rank-r factorisation of a centred classifier.
private struct Factors {
  /// S Vᵀ / unit: [r, inputs].
  let projection: Matrix
  /// unit · U: [classes, r].
  let scores: Matrix
  /// √classes: brings the norm of all scores to their root mean square.
  let unit: Double
  /// The classifier's centred bias.
  let bias: [Double]
  /// How the r components spread over the feature's elements: [feature, r], columns orthonormal.
  let spread: Matrix
  /// What the feature layer adds to each element so that ReLU never cuts.
  let clearance: Double

  init(_ classifier: Backbone.Classifier, widths: [Int], integration: Integration) throws(CSNError) {
    let (classes, inputs) = (classifier.classes, classifier.features)
    var weight = Matrix(rows: classes, columns: inputs, elements: classifier.weight)
    for column in 0..<inputs {
      let mean = (0..<classes).reduce(0) { $0 + weight[$1, column] } / Double(classes)
      for row in 0..<classes { weight[row, column] -= mean }
    }
    let factors = try SingularValueDecomposition(weight)
    let feature = widths[widths.count - 1]
    // The product reads correlation off Σ F·F1 only where the elements of F sum to zero: one dimension less.
    let room = integration == .product ? feature - 1 : feature
    let rank = min(room, min(widths.min() ?? 0, factors.singularValues.count))
    guard rank > 0 else {
      throw CSNError(
        .invalidOption, "a feature of width \(feature) leaves nothing to derive for \(integration.rawValue)")
    }
    let unit = Double(classes).squareRoot()
    var projection = Matrix(rows: rank, columns: inputs)
    var scores = Matrix(rows: classes, columns: rank)
    for index in 0..<rank {
      for column in 0..<inputs {
        projection[index, column] = factors.singularValues[index] / unit * factors.vTransposed[index, column]
      }
      for row in 0..<classes { scores[row, index] = unit * factors.u[row, index] }
    }
    self.projection = projection
    self.scores = scores
    self.unit = unit
    let mean = classifier.bias.reduce(0, +) / Double(classes)
    bias = classifier.bias.map { $0 - mean }
    spread =
      integration == .product
      ? .zeroSumBasis(rows: feature, columns: rank) : .padding(rows: feature, columns: rank)
    // |F| is at most the root mean square of the centred scores. Trained classifiers keep that between 1.7 and 3.7
    // on photographs; softmax is long saturated at 8. A product's rounding grows with the square of the clearance:
    // there it is as tight as single elements of F, not their norm, allow.
    clearance = integration == .product ? 3 : 8
  }

  /// Reads the r components off the feature: the transpose of `spread`.
  func gather(_ feature: Int) -> Matrix { spread.transposed }
}

/// How one layer's ReLU outputs carry signed components.
private struct SignedCode {
  let components: Int
  let width: Int
  let shift: Double
  let asPairs: Bool

  /// The component and sign that a unit of a pair layer carries: +0, -0, +1, -1, … and round again.
  private func unit(_ index: Int) -> (component: Int, sign: Double) {
    let position = index % (2 * components)
    return (position / 2, position % 2 == 0 ? 1 : -1)
  }

  /// The layer whose units make the code from values that hold components as `mixing` · values + `constant`.
  func layer(reading mixing: Matrix, constant: [Double]) -> DenseLayer {
    var weight = Matrix(rows: width, columns: mixing.columns)
    var added = [Double](repeating: asPairs ? 0 : shift, count: width)
    for index in 0..<width {
      let (component, sign) = asPairs ? unit(index) : (index, 1)
      guard component < mixing.rows else { continue }
      for column in 0..<mixing.columns { weight[index, column] = sign * mixing[component, column] }
      added[index] += sign * constant[component]
    }
    return DenseLayer(
      weight: weight, bias: [Double](repeating: 0, count: width), normalization: .adding(added))
  }

  /// How the components are read off the units: [components, width]; copies are averaged.
  var readout: Matrix {
    var matrix = Matrix(rows: components, columns: width)
    guard asPairs else {
      for index in 0..<components { matrix[index, index] = 1 }
      return matrix
    }
    var counts = [[Double]](repeating: [0, 0], count: components)
    for index in 0..<width {
      let (component, sign) = unit(index)
      counts[component][sign > 0 ? 0 : 1] += 1
    }
    for index in 0..<width {
      let (component, sign) = unit(index)
      matrix[component, index] = sign / counts[component][sign > 0 ? 0 : 1]
    }
    return matrix
  }

  /// What is to be added after `readout`.
  var constant: [Double] { [Double](repeating: asPairs ? 0 : -shift, count: components) }
}

extension Matrix {
  /// The identity, filled up with rows of zeros.
  fileprivate static func padding(rows: Int, columns: Int) -> Matrix {
    var matrix = Matrix(rows: rows, columns: columns)
    for index in 0..<min(rows, columns) { matrix[index, index] = 1 }
    return matrix
  }

  /// Orthonormal columns that each sum to zero (Helmert's contrasts); `columns` < `rows`.
  fileprivate static func zeroSumBasis(rows: Int, columns: Int) -> Matrix {
    var matrix = Matrix(rows: rows, columns: columns)
    for column in 0..<columns {
      let count = Double(column + 1)
      let norm = (count * (count + 1)).squareRoot()
      for row in 0...column { matrix[row, column] = 1 / norm }
      matrix[column + 1, column] = -count / norm
    }
    return matrix
  }

  fileprivate func times(_ vector: [Double]) -> [Double] {
    (0..<rows).map { row in zip(self.row(row), vector).reduce(0) { $0 + $1.0 * $1.1 } }
  }
}
