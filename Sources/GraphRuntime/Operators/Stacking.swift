/// Which nodes treat the entries along axis 0 one by one: stacked inputs (one tensor behind the other along axis 0) then
/// give the stacked outputs.
enum Stacking {
  /// More bytes than any operand has: sums and stacks of them can be counted.
  private static let mostBytes = 1 << 40

  /// Whether a node does so when the inputs at `varying` are stacked and the others, all constants, stay.
  /// - Parameter query: about the node before, all its shapes known.
  static func isAllowed(_ query: BlockedQuery, varying: Set<Int>) -> Bool {
    guard let rule = rules[query.node.op], let output = query.outputShape, !output.isEmpty,
      (query.inputs + query.outputs).compactMap(\.self).allSatisfy({
        (1..<mostBytes).contains($0.byteCount ?? 0)
      }), !varying.isEmpty, varying.allSatisfy({ query.shape($0)?.isEmpty == false })
    else { return false }
    return (try? rule(query, varying)) ?? false
  }

  private typealias Rule = @Sendable (_ query: BlockedQuery, _ varying: Set<Int>) throws -> Bool

  private static let rules: [OperatorName: Rule] = {
    var rules = others
    for name in imagewise { rules[name] = first }
    for name in elementwise { rules[name] = broadcast }
    for name in reductions { rules[name] = reduction }
    return rules
  }()

  private static let imagewise: [OperatorName] = [
    "Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool",
    "GlobalLpPool", "LRN", "InstanceNormalization", "GroupNormalization", "DepthToSpace", "SpaceToDepth",
  ]

  private static let elementwise: [OperatorName] = [
    "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "PRelu", "Clip", "Relu", "LeakyRelu",
    "Elu",
    "Selu", "Celu", "ThresholdedRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Softplus", "Softsign", "Tanh",
    "Gelu", "Mish", "Erf", "Exp", "Log", "Sqrt", "Abs", "Neg", "Reciprocal", "Identity", "Cast",
  ]

  private static let reductions: [OperatorName] = [
    "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare",
  ]

  private static let others: [OperatorName: Rule] = [
    FusedConvolution.name: { query, varying in varying == (query.input(3) == nil ? [0] : [0, 3]) },
    // Training mode takes the statistics of all images.
    "BatchNormalization": { try first($0, $1) && !$0.node.flag("training_mode", default: false) },
    "Gemm": { query, varying in
      let addend = query.shape(2) ?? []
      return try first(query, varying) && !query.node.flag("transA", default: false)
        && (addend.count < 2 || addend[0] == 1)
    },
    "MatMul": { first($0, $1) && $0.shape(0)?.count ?? 0 > 1 && $0.shape(1)?.count == 2 },
    "Softmax": { try first($0, $1) && axis($0, default: -1) != 0 },
    "LogSoftmax": { try first($0, $1) && axis($0, default: -1) != 0 },
    "LayerNormalization": { try first($0, $1) && axis($0, default: -1) != 0 },
    "Flatten": { try first($0, $1) && axis($0, default: 1) != 0 },
    "Concat": { try $1 == Set($0.inputs.indices) && axis($0, default: 0) != 0 },
    "Split": { try $1 == [0] && axis($0, default: 0) != 0 },
    "Transpose": { try first($0, $1) && $0.node.ints("perm")?.first == 0 },
    // Rows stay rows whatever becomes of the first extent, as long as that is not a number.
    "Reshape": { query, varying in
      guard first(query, varying), let extent = query.constant(1)?.integers?.first else { return false }
      return try extent == -1 || (extent == 0 && !query.node.flag("allowzero", default: false))
    },
    "Pad": { query, varying in
      guard first(query, varying),
        let amounts = PadAmounts(query.node, rank: query.shape(0)?.count, constant: query.constant)
      else { return false }
      return amounts.before.first == 0 && amounts.after.first == 0
    },
  ]

  /// Input 0 is stacked and output 0 is the only one.
  @Sendable private static func first(_ query: BlockedQuery, _ varying: Set<Int>) -> Bool {
    varying == [0] && query.outputs.dropFirst().allSatisfy { $0 == nil }
  }

  /// Every stacked input spans the output's axis 0, and no other does.
  @Sendable private static func broadcast(_ query: BlockedQuery, _ varying: Set<Int>) -> Bool {
    guard let output = query.outputShape else { return false }
    return query.inputs.indices.allSatisfy { index in
      guard let shape = query.shape(index) else { return query.input(index) == nil }
      if varying.contains(index) { return shape.count == output.count && shape[0] == output[0] }
      return shape.count < output.count || shape[0] == 1
    }
  }

  /// Axes other than 0 are summed over.
  @Sendable private static func reduction(_ query: BlockedQuery, _ varying: Set<Int>) -> Bool {
    guard first(query, varying), let axes = query.constant(1)?.integers, let rank = query.shape(0)?.count
    else {
      return false
    }
    return !axes.isEmpty && axes.allSatisfy { ($0 < 0 ? $0 + rank : $0) > 0 }
  }

  /// The attribute `axis`, counted from the front.
  private static func axis(_ query: BlockedQuery, default value: Int) throws -> Int {
    let axis = try query.node.int("axis", default: value)
    return axis < 0 ? axis + (query.shape(0)?.count ?? 0) : axis
  }
}
