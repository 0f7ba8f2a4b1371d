import ONNXParse

/// Which inputs of an operator must be of one element type, because ONNX gives them one type variable and the kernel
/// reads them all in the type of one.
///
/// Operators whose kernels ask each input for its own type (quantisation, indices, limits) are not listed.
enum TypeVariables {
  /// The groups of inputs of a node that share a variable.
  static func uniformInputs(of node: Node) -> [[Int]] {
    if uniform.contains(node.op) { return [Array(node.inputs.indices)] }
    return groups[node.op].map { [$0] } ?? []
  }

  /// Operators with one variable for all inputs.
  private static let uniform: Set<OperatorName> = [
    "Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Clip", "Concat", "Conv",
    "ConvTranspose",
    "DeformConv", "Div", "Einsum", "Equal", FusedConvolution.name, "Gemm", "Greater", "GreaterOrEqual",
    "GroupNormalization", "InstanceNormalization", "LayerNormalization", "Less", "LessOrEqual", "MatMul",
    "Max",
    "MaxRoiPool", "Mean", "Min", "Mod", "Mul", "Or", "PRelu", "Range", "Sub", "Sum", "Xor",
  ]

  /// The group of inputs with one variable, where others have another.
  private static let groups: [OperatorName: [Int]] = [
    "GRU": [0, 1, 2, 3, 5],
    "LSTM": [0, 1, 2, 3, 5, 6, 7],
    "Pad": [0, 2],
    "RNN": [0, 1, 2, 3, 5],
    "RoiAlign": [0, 1],
    "ScatterElements": [0, 2],
    "ScatterND": [0, 2],
    "TensorScatter": [0, 1],
    "Where": [1, 2],
    OperatorName("FlexAttention", domain: "ai.onnx.preview"): [0, 1, 2],
  ]
}

extension Operator {
  /// Checks that inputs which must be of one element type are, as far as their types are known.
  func checkElementTypes(_ inference: TypeInference) throws {
    for group in TypeVariables.uniformInputs(of: inference.node) {
      let known = group.lazy.compactMap { index in inference.elementType(index).map { (index, $0) } }
      guard let first = known.first, let other = known.first(where: { $0.1 != first.1 }) else { continue }
      throw GraphError(
        .unsupportedType,
        "inputs \(first.0) and \(other.0) must be of one element type, but are \(first.1) and \(other.1)")
    }
  }
}
