import CKernels

/// How an operator's kernel works on the channel-blocked layout [N, C/16, H, W, 16], beside the one for row-major
/// tensors.
struct BlockedImplementation: Sendable {
  /// What the kernel takes and gives for one node, all types known; nil where only the row-major kernel serves it.
  let form: @Sendable (BlockedQuery) throws -> BlockedForm?
  let kernel: @Sendable (inout KernelBuilder) throws -> Void
}

/// One node about which an operator is asked.
struct BlockedQuery {
  let node: Node
  let inputs: [TensorType?]
  let outputs: [TensorType?]
  /// Inputs that are known.
  let constants: [Tensor?]

  init(node: Node, inputs: [TensorType?], outputs: [TensorType?], constants: [Tensor?]) {
    self.node = node
    self.inputs = inputs
    self.outputs = outputs
    self.constants = constants
  }

  /// The query about a node of a specialised graph.
  init(_ node: Node, in graph: Graph) {
    func type(_ id: Value.ID?) -> TensorType? { id.flatMap { graph[$0].type?.tensor } }
    self.init(
      node: node, inputs: node.inputs.map(type), outputs: node.outputs.map(type),
      constants: node.inputs.map { $0.flatMap { graph.initializers[$0] } })
  }

  func constant(_ index: Int) -> Tensor? { constants.indices.contains(index) ? constants[index] : nil }
  func input(_ index: Int) -> TensorType? { inputs.indices.contains(index) ? inputs[index] : nil }
  func shape(_ index: Int) -> [Int]? { input(index)?.concreteShape }
  var outputShape: [Int]? { outputs.first.flatMap { $0?.concreteShape } }

  /// Whether the channels of input 0 fill their blocks, so that no numbers lie past the last one.
  var hasWholeBlocks: Bool { shape(0).map { $0.count > 1 && $0[1] % Int(csn_block) == 0 } ?? false }

  /// Whether `type` is that of float images [N, C, H, W] with something in them.
  func isImage(_ type: TensorType?) -> Bool {
    guard let type, type.elementType == .float32, let shape = type.concreteShape, shape.count == 4 else {
      return false
    }
    // The kernels count extents in 32 bits and bytes in 64.
    return shape.allSatisfy { $0 > 0 && $0 < 1 << 24 } && (type.byteCount ?? Int.max) < 1 << 40
  }
}

/// Which operands of a node are blocked.
struct BlockedForm {
  /// Which of them may be paired instead.
  enum Pairing {
    case none
    /// All together.
    case whole
    /// The inputs, and the output by itself.
    case each
  }

  var inputs: Set<Int>
  var outputs: Set<Int> = [0]
  var pairing = Pairing.none
  /// Whether the node is worth re-laying its inputs for; else it goes along where one is blocked already.
  var isPreferred = false
  var sharing: Operator.Sharing = .none
}

extension KernelBuilder.Operand {
  /// The operand as the C kernels see it.
  var tensor: csn_tensor {
    let layout =
      switch type.layout {
      case .rowMajor: CSN_PLANAR
      case .channelBlocked16: CSN_BLOCKED
      case .channelPaired32: CSN_PAIRED
      }
    var tensor = csn_tensor_make(
      layout, Int32(shape[0]), Int32(shape[1]), Int32(shape[2]), Int32(shape[3]), 0, 0, 0, 0)
    if let imageStride { tensor.image_stride = imageStride }
    return tensor
  }
}

/// The operators that have kernels for blocked tensors.
enum BlockedOperators {
  static let implementations: [OperatorName: BlockedImplementation] = [
    "Conv": BlockedConvolution.implementation,
    FusedConvolution.name: BlockedConvolution.implementation,
    "MaxPool": BlockedPooling.windows(CSN_POOLING_MAX),
    "AveragePool": BlockedPooling.windows(CSN_POOLING_AVERAGE),
    "GlobalAveragePool": BlockedPooling.global(csn_global_average),
    "GlobalMaxPool": BlockedPooling.global(csn_global_max),
    "LRN": BlockedNormalization.localResponse,
    "Pad": BlockedSpatial.pad,
    "Concat": BlockedJoining.concatenation,
    "Split": BlockedJoining.split,
    "BatchNormalization": BlockedChannelwise.batchNormalization,
    "Resize": BlockedSpatial.resize,
    "Add": BlockedElementwise.binary(CSN_ADD),
    "Sum": BlockedElementwise.binary(CSN_ADD),
    "Sub": BlockedElementwise.binary(CSN_SUBTRACT),
    "Mul": BlockedElementwise.binary(CSN_MULTIPLY),
    "Div": BlockedElementwise.binary(CSN_DIVIDE),
    "Max": BlockedElementwise.binary(CSN_MAXIMUM),
    "Min": BlockedElementwise.binary(CSN_MINIMUM),
    "Relu": BlockedElementwise.unary { _ in .unary(CSN_CLAMP, a: 0, b: .infinity) },
    "Clip": BlockedElementwise.unary(BlockedElementwise.clip),
    "LeakyRelu": BlockedElementwise.unary {
      .unary(CSN_LEAKY_RELU, a: $0.node.attributes["alpha"]?.float ?? 0.01)
    },
    "PRelu": BlockedElementwise.unary(BlockedElementwise.parametricRelu),
    "Sigmoid": BlockedElementwise.unary { _ in .unary(CSN_SIGMOID) },
    "HardSigmoid": BlockedElementwise.unary(BlockedElementwise.hardSigmoid),
    "Tanh": BlockedElementwise.unary { _ in .unary(CSN_TANH) },
    "Abs": BlockedElementwise.unary { _ in .unary(CSN_ABS) },
    "Neg": BlockedElementwise.unary { _ in .unary(CSN_AFFINE, a: -1) },
    "Exp": BlockedElementwise.onWholeBlocks(CSN_EXP),
    "Sqrt": BlockedElementwise.onWholeBlocks(CSN_SQRT),
    "HardSwish": BlockedElementwise.flat(floating(ActivationKernel<HardSwish>.self)),
    "Elu": BlockedElementwise.flat(floating(ActivationKernel<Elu>.self)),
    "Selu": BlockedElementwise.flat(floating(ActivationKernel<Selu>.self)),
    "Celu": BlockedElementwise.flat(floating(ActivationKernel<Celu>.self)),
    "Softplus": BlockedElementwise.flat(floating(ActivationKernel<Softplus>.self)),
    "Gelu": BlockedElementwise.flat(floating(ActivationKernel<Gelu>.self)),
    "Mish": BlockedElementwise.flat(floating(ActivationKernel<Mish>.self)),
    "Swish": BlockedElementwise.flat(floating(ActivationKernel<Swish>.self)),
    Relayout.name: Relayout.implementation,
  ]
}
