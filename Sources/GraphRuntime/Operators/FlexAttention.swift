import ONNXParse

/// FlexAttention-1 (ai.onnx.preview): attention whose scores and probabilities subgraphs may change.
enum FlexAttention {
  static let operators: [Operator] = [
    Operator(
      OperatorName("FlexAttention", domain: "ai.onnx.preview"), inputs: 3...3, infer: infer,
      evaluate: evaluate)
  ]

  /// Q [batch, heads, queries, size], K and V [batch, key heads, keys, ...].
  @Sendable private static func infer(_ inference: inout TypeInference) throws {
    guard let q = inference.shape(0), let k = inference.shape(1), let v = inference.shape(2) else {
      return inference.set(0, inference.elementType(0), nil)
    }
    guard q.count == 4, k.count == 4, v.count == 4 else {
      throw inference.mismatch("Q, K and V must have 4 axes")
    }
    for name in ["score_mod", "prob_mod"] where inference.node.attributes[name] != nil {
      let type = try precision(of: inference.node, input: inference.elementType(0) ?? .float32)
      _ = try inference.inferSubgraph(name, [.tensor(TensorType(type, [q[0], q[1], q[2], k[2]]))])
    }
    inference.set(0, inference.elementType(0), [q[0], q[1], q[2], v[3]])
  }

  private static func precision(of node: Node, input: ElementType) throws -> ElementType {
    let code = try node.int("softmax_precision", default: 0)
    return code != 0 ? try ElementType(onnx: code) : input == .float64 ? .float64 : .float32
  }

  private static func evaluate(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let q = try evaluation.tensor(0)
    var (k, v) = (try evaluation.tensor(1), try evaluation.tensor(2))
    guard q.shape.count == 4, k.shape.count == 4, v.shape.count == 4, k.shape[1] > 0,
      q.shape[1] % k.shape[1] == 0
    else { throw GraphError(.shapeMismatch, "Q \(q), K \(k) and V \(v) don't fit") }
    if q.shape[1] != k.shape[1] {
      let group = q.shape[1] / k.shape[1]
      let heads = Tensor((0..<q.shape[1]).map { Int64($0 / group) }, shape: [q.shape[1]])
      k = try evaluation.compute("Gather", [k, heads], ["axis": .int(1)])
      v = try evaluation.compute("Gather", [v, heads], ["axis": .int(1)])
    }
    let type = try precision(of: evaluation.node, input: q.elementType)
    func cast(_ tensor: Tensor, _ type: ElementType) throws -> Tensor {
      tensor.elementType == type
        ? tensor : try evaluation.compute("Cast", [tensor], ["to": .int(Int(type.rawValue))])
    }
    let given = Double(try evaluation.node.float("scale", default: 0))
    let scale =
      evaluation.node.attributes["scale"] == nil ? 1 / Double(max(q.shape[3], 1)).squareRoot() : given
    let transposed = try evaluation.compute("Transpose", [cast(k, type)], ["perm": .ints([0, 1, 3, 2])])
    var scores = try evaluation.compute("MatMul", [cast(q, type), transposed])
    scores = try evaluation.compute("Mul", [scores, cast(Tensor(scalar: scale), type)])
    scores = try modified(scores, by: "score_mod", evaluation)
    var probabilities = try evaluation.compute("Softmax", [scores], ["axis": .int(-1)])
    probabilities = try modified(probabilities, by: "prob_mod", evaluation)
    let result = try evaluation.compute("MatMul", [probabilities, cast(v, type)])
    return [.tensor(try cast(result, q.elementType))]
  }

  private static func modified(_ tensor: Tensor, by name: String, _ evaluation: Evaluation) throws -> Tensor {
    guard evaluation.node.attributes[name] != nil else { return tensor }
    let results = try evaluation.run(evaluation.node.graph(name), [.tensor(tensor)])
    guard let result = try results.first?.required(), result.shape == tensor.shape,
      result.elementType == tensor.elementType
    else { throw GraphError(.shapeMismatch, "\(name) must give a tensor like the \(tensor) it gets") }
    return result
  }
}
