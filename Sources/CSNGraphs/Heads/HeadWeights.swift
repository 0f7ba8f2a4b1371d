import GraphRuntime

/// Trained weights by name, handed out with their sizes checked.
///
/// Names (PyTorch's way of naming; K fully connected layers):
/// - `fcI.weight` [out, in], `fcI.bias` [out], `bnI.weight`, `bnI.bias`, `bnI.running_mean`, `bnI.running_var` [out], I = 1...K;
/// - `output.weight` [classes, feature], `output.bias` [classes];
/// - `similarity.fc.weight` [256, feature], `similarity.fc.bias` [256], `similarity.bn.…` as above,
///   `similarity.output.weight` [1, 256], `similarity.output.bias` [1];
/// - fusion: `fm.v1.weight`, `fm.v2.weight`, `fm.v3.weight` [64, 64, k, k] with `.bias` [64], k odd;
///   `decoder.weight` [1, 64 or 128, 7, 7], `reconstruction.weight` [1, 64, 7, 7], each with `.bias` [1].
struct HeadWeights {
  private let tensors: [String: Tensor]
  private var used: Set<String> = []

  init(_ tensors: [String: Tensor]) { self.tensors = tensors }

  /// Whether any tensor's name starts with `prefix`.
  func has(prefix: String) -> Bool { tensors.keys.contains { $0.hasPrefix(prefix) } }

  /// The shape of a tensor; nil where it is not there.
  func shape(_ name: String) -> [Int]? { tensors[name]?.shape }

  /// The elements of the tensor `name` of the given shape.
  /// - Throws: `CSNError` where it is missing, of another shape, not of floating-point numbers, or not finite.
  mutating func take(_ name: String, shape: [Int]) throws(CSNError) -> [Double] {
    guard let tensor = tensors[name] else {
      throw CSNError(.invalidHead, "the head has no '\(name)' [\(text(shape))], which its other weights need")
    }
    guard tensor.shape == shape else {
      throw CSNError(
        .invalidHead, "the head's '\(name)' is [\(text(tensor.shape))], where [\(text(shape))] is needed")
    }
    guard let elements = tensor.doubles else {
      throw CSNError(
        .invalidHead, "the head's '\(name)' holds \(tensor.elementType), not floating-point numbers")
    }
    guard elements.allSatisfy(\.isFinite) else {
      throw CSNError(.invalidHead, "the head's '\(name)' holds values that are not finite")
    }
    used.insert(name)
    return elements
  }

  /// The elements of `name`, or zeros where it is not there.
  mutating func takeOrZeros(_ name: String, shape: [Int]) throws(CSNError) -> [Double] {
    try tensors[name] == nil ? [Double](repeating: 0, count: shape.reduce(1, *)) : take(name, shape: shape)
  }

  /// Reports what no layer took.
  /// - Throws: `CSNError` with the names left over.
  func checkAllUsed() throws(CSNError) {
    let left = tensors.keys.filter { !used.contains($0) }.sorted()
    guard left.isEmpty else {
      throw CSNError(
        .invalidHead,
        "no layer takes the head's \(left.prefix(8).map { "'\($0)'" }.joined(separator: ", "))\(left.count > 8 ? ", …" : "")"
      )
    }
  }

  private func text(_ shape: [Int]) -> String { shape.map(String.init).joined(separator: ",") }
}

/// A fully connected layer with the normalisation behind it.
struct DenseLayer: Sendable {
  /// [outputs, inputs].
  var weight: Matrix
  var bias: [Double]
  /// BatchNormalization; nil for an output layer, which has none.
  var normalization: Normalization?

  struct Normalization: Sendable {
    var scale: [Double]
    var shift: [Double]
    var mean: [Double]
    var variance: [Double]

    /// ONNX's and PyTorch's default.
    static let epsilon: Float = 1e-5

    /// One that only adds `shift`.
    static func adding(_ shift: [Double]) -> Normalization {
      let count = shift.count
      return Normalization(
        scale: [Double](repeating: 1, count: count), shift: shift, mean: [Double](repeating: 0, count: count),
        variance: [Double](repeating: 1 - Double(epsilon), count: count))
    }
  }
}

extension DenseLayer {
  /// A layer with trained weights: `name`.weight and .bias, `normalization`.weight, .bias, .running_mean, .running_var.
  init(loading name: String, normalization: String?, outputs: Int, inputs: Int, from head: inout HeadWeights)
    throws(CSNError)
  {
    weight = Matrix(
      rows: outputs, columns: inputs, elements: try head.take("\(name).weight", shape: [outputs, inputs]))
    bias = try head.takeOrZeros("\(name).bias", shape: [outputs])
    guard let normalization else {
      self.normalization = nil
      return
    }
    let variance = try head.take("\(normalization).running_var", shape: [outputs])
    guard variance.allSatisfy({ $0 >= 0 }) else {
      throw CSNError(.invalidHead, "the head's '\(normalization).running_var' holds a negative variance")
    }
    self.normalization = Normalization(
      scale: try head.take("\(normalization).weight", shape: [outputs]),
      shift: try head.take("\(normalization).bias", shape: [outputs]),
      mean: try head.take("\(normalization).running_mean", shape: [outputs]), variance: variance)
  }

  /// Adds the layer to a graph: Gemm, and BatchNormalization and ReLU where it is normalised.
  /// - Parameter value: [N, inputs].
  /// - Returns: [N, outputs].
  func append(
    to graph: inout Graph, reading value: Value.ID, name: String, normalization normalizationName: String = ""
  )
    -> Value.ID
  {
    let inputs = [
      value,
      graph.addInitializer(
        "\(name).weight", Tensor(rounding: weight.elements, shape: [weight.rows, weight.columns])),
      graph.addInitializer("\(name).bias", Tensor(rounding: bias, shape: [weight.rows])),
    ]
    let product = graph.add(
      "Gemm", inputs[0], inputs[1], inputs[2], attributes: ["transB": .int(1)], name: name)
    guard let normalization else { return product }
    func constant(_ suffix: String, _ values: [Double]) -> Value.ID {
      graph.addInitializer("\(normalizationName).\(suffix)", Tensor(rounding: values, shape: [values.count]))
    }
    let scale = constant("weight", normalization.scale)
    let shift = constant("bias", normalization.shift)
    let mean = constant("running_mean", normalization.mean)
    let variance = constant("running_var", normalization.variance)
    let normalized = graph.add(
      "BatchNormalization", product, scale, shift, mean, variance,
      attributes: ["epsilon": .float(Normalization.epsilon)], name: normalizationName)
    return graph.add("Relu", normalized, name: "\(name).relu")
  }
}
