/// Operators that the standard defines by others: a node of one that the runtime has no kernel for becomes what
/// defines it.
enum FunctionExpansion {
  typealias Expansion = @Sendable (inout NodeUpgrade) throws -> Bool

  /// Puts the definition in the place of a node whose operator is not in the registry.
  ///
  /// Some definitions depend on a rank; where it is not known the node stays, and is reported if it is to run.
  static func apply(to node: inout NodeUpgrade, registry: OperatorRegistry) throws {
    guard node.op.domain.isEmpty, registry[node.op] == nil, let expansion = expansions[node.op.type] else {
      return
    }
    if try expansion(&node) { node.dissolve() }
  }

  static let expansions: [String: Expansion] = [
    "AffineGrid": affineGrid,
    "Attention": attention,
    "BlackmanWindow": { try cosineWindow(&$0, [0.42, -0.5, 0.08]) },
    "CausalConvWithState": causalConvolution,
    "CenterCropPad": centerCropPad,
    "HammingWindow": { try cosineWindow(&$0, [25.0 / 46, -21.0 / 46]) },
    "HannWindow": { try cosineWindow(&$0, [0.5, -0.5]) },
    "LinearAttention": linearAttention,
    "NegativeLogLikelihoodLoss": negativeLogLikelihood,
    "RotaryEmbedding": rotaryEmbedding,
    "SoftmaxCrossEntropyLoss": softmaxCrossEntropy,
    "SwiGLU": gatedSwish,
  ]
}

extension OperatorRegistry {
  /// Operators that need no entry in the registry, because importing turns them into constants or other operators:
  /// those the standard withdrew, and those it defines by others.
  public static let rewrittenOnImport: [OperatorName] =
    (FunctionExpansion.expansions.keys + OpsetUpgrade.withdrawnNames).sorted().map { OperatorName($0) }
}
