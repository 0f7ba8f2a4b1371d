import ONNXParse

/// Folds BatchNormalization, and scaling and shifting by constants a channel, into the weights of the convolution or
/// Gemm before them.
struct AffineFolding: Pass {
  let name = "affine-folding"

  func patch(for graph: Graph) throws -> GraphPatch {
    let index = GraphIndex(graph)
    var patch = GraphPatch(for: graph)
    var changed: Set<Node.ID> = []
    for linear in graph.nodes {
      guard let output = linear.output(0), let layer = LinearLayer(linear, index),
        let follower = index.soleConsumer(of: output), !changed.contains(linear.id),
        let affine = ChannelAffine(
          follower, input: output, channels: layer.channels, rank: layer.outputRank, index),
        let result = follower.output(0)
      else { continue }
      let weights = layer.weights(scaledBy: affine.scale)
      let bias = (0..<layer.channels).map { channel in
        Float(layer.bias[channel] * affine.scale[channel] + affine.shift[channel])
      }
      var folded = linear
      let name = graph[linear.inputs[1]!].name
      folded.inputs = [
        linear.inputs[0], patch.addInitializer(name + "_folded", weights),
        patch.addInitializer(name + "_bias", Tensor(bias, shape: [layer.channels])),
      ]
      folded.outputs = [result]
      patch.replace(folded)
      patch.remove(follower.id)
      patch.countChange()
      changed.formUnion([linear.id, follower.id])
    }
    return patch
  }
}

/// A node that is linear in its input with constant weights: Conv, ConvTranspose, Gemm.
private struct LinearLayer: Sendable {
  let channels: Int
  let outputRank: Int
  /// One a channel; zeros where the node has none.
  let bias: [Double]
  private let weight: Tensor
  /// The output channel of weight element `index`.
  private let channel: @Sendable (_ index: Int) -> Int
  /// How many elements one behind the other are of one channel.
  private let run: Int

  init?(_ node: Node, _ index: GraphIndex) {
    guard let weight = index.constant(node.input(1)), weight.elementType == .float32, weight.count > 0 else {
      return nil
    }
    let shape = weight.shape
    let taps = shape.dropFirst(2).reduce(1, *)
    switch node.op {
    case "Conv", FusedConvolution.name:
      guard node.op == "Conv" || FusedConvolution.endsInSums(node) else { return nil }
      guard shape.count > 2 else { return nil }
      channels = shape[0]
      let perChannel = shape[1] * taps
      channel = { $0 / perChannel }
      run = perChannel
      outputRank = shape.count
    case "ConvTranspose":
      guard shape.count > 2, node.attributes["group"]?.int ?? 1 == 1 else { return nil }
      channels = shape[1]
      channel = { [channels] in $0 / taps % channels }
      run = taps
      outputRank = shape.count
    case "Gemm":
      guard shape.count == 2, node.attributes["alpha"]?.float ?? 1 == 1,
        node.attributes["beta"]?.float ?? 1 == 1
      else { return nil }
      let transposed = node.attributes["transB"]?.int ?? 0 != 0
      channels = transposed ? shape[0] : shape[1]
      let columns = shape[1]
      channel = { transposed ? $0 / columns : $0 % columns }
      run = transposed ? columns : 1
      outputRank = 2
    default: return nil
    }
    self.weight = weight
    guard let given = node.input(2) else {
      bias = [Double](repeating: 0, count: channels)
      return
    }
    guard let constant = index.constant(given), constant.elementType == .float32 else { return nil }
    let values = constant.elements(Float.self).map(Double.init)
    // Gemm's C may also be a scalar or a matrix; a row [1, N] is a bias too. The others' must be one vector.
    if values.count == channels, constant.shape.last == channels,
      node.op == "Gemm" || constant.shape.count == 1
    {
      bias = values
    } else if values.count == 1, node.op == "Gemm" {
      bias = [Double](repeating: values[0], count: channels)
    } else {
      return nil
    }
  }

  /// More bytes than are made at once: those of large weights are made where they are packed, so that a network's are
  /// never in memory beside the model's.
  private static let largestMadeAtOnce = 1 << 16

  func weights(scaledBy scale: [Double]) -> Tensor {
    let source = weight.bytes!
    let recipe = DeferredBytes.Recipe(
      source: UInt(bitPattern: source.start), scale: scale, shape: weight.shape)
    let deferred = DeferredBytes(recipe: recipe) { [self] in scaled(source, by: scale) }
    let tensor = Tensor(.float32, shape: weight.shape, deferred: deferred)
    // What is made only now, and goes again, names no recipe.
    return source.count > Self.largestMadeAtOnce && weight.deferred == nil ? tensor : tensor.aligned
  }

  private func scaled(_ source: ByteRegion, by scale: [Double]) -> ByteRegion {
    // The model's weights make room for the scaled ones.
    defer { source.releasePages() }
    return ByteRegion(transient: source.count) { target in
      let target = target.bindMemory(to: Float.self)
      source.withUnsafeBytes { source in
        for start in stride(from: 0, to: target.count, by: run) {
          let factor = scale[channel(start)]
          for index in start..<start + run {
            // A file may leave its weights at odd addresses.
            let value = source.loadUnaligned(fromByteOffset: 4 * index, as: Float.self)
            target[index] = Float(Double(value) * factor)
          }
        }
      }
    }
  }
}

/// y = scale·x + shift, a channel each.
private struct ChannelAffine {
  let scale: [Double]
  let shift: [Double]

  /// What `node` does to its input `input`; nil where it is not affine by channel.
  init?(_ node: Node, input: Value.ID, channels: Int, rank: Int, _ index: GraphIndex) {
    if node.op == "BatchNormalization" {
      self.init(batchNormalization: node, input: input, channels: channels, index)
    } else {
      self.init(arithmetic: node, input: input, channels: channels, rank: rank, index)
    }
  }

  /// Addition or multiplication with a constant a channel.
  private init?(arithmetic node: Node, input: Value.ID, channels: Int, rank: Int, _ index: GraphIndex) {
    guard ["Mul", "Add", "Div", "Sub"].contains(node.op.type), node.op.domain.isEmpty,
      index.haveSameType(input, node.output(0)), let position = node.inputs.firstIndex(of: input),
      let operand = index.constant(node.input(1 - position)),
      let values = Self.perChannel(operand, channels: channels, rank: rank)
    else { return nil }
    let ones = [Double](repeating: 1, count: channels)
    let zeros = [Double](repeating: 0, count: channels)
    switch (node.op.type, position) {
    case ("Mul", _): (scale, shift) = (values, zeros)
    case ("Add", _): (scale, shift) = (ones, values)
    case ("Sub", 0): (scale, shift) = (ones, values.map(-))
    case ("Sub", _): (scale, shift) = (ones.map(-), values)
    case ("Div", 0): (scale, shift) = (values.map { 1 / $0 }, zeros)
    default: return nil
    }
    guard scale.allSatisfy(\.isFinite) else { return nil }
  }

  /// y = gamma (x - mean) / sqrt(variance + epsilon) + beta (ONNX BatchNormalization-15, inference).
  private init?(batchNormalization node: Node, input: Value.ID, channels: Int, _ index: GraphIndex) {
    guard node.input(0) == input, node.attributes["training_mode"]?.int ?? 0 == 0,
      node.outputs.dropFirst().allSatisfy({ $0 == nil })
    else { return nil }
    let parameters = (1...4).compactMap { position -> [Double]? in
      guard let tensor = index.constant(node.input(position)), tensor.elementType == .float32 else {
        return nil
      }
      return tensor.elements(Float.self).map(Double.init)
    }
    guard parameters.count == 4, parameters.allSatisfy({ $0.count == channels }) else { return nil }
    let epsilon = Double(node.attributes["epsilon"]?.float ?? 1e-5)
    let (gamma, beta, mean, variance) = (parameters[0], parameters[1], parameters[2], parameters[3])
    let scale = zip(gamma, variance).map { $0 / ($1 + epsilon).squareRoot() }
    self.scale = scale
    shift = (0..<channels).map { beta[$0] - mean[$0] * scale[$0] }
    guard scale.allSatisfy(\.isFinite) else { return nil }
  }

  /// A constant's value for each channel, where broadcasting to [N, C, D1...] gives one a channel.
  private static func perChannel(_ tensor: Tensor, channels: Int, rank: Int) -> [Double]? {
    guard tensor.elementType == .float32, tensor.shape.count <= rank else { return nil }
    let padded = [Int](repeating: 1, count: rank - tensor.shape.count) + tensor.shape
    guard padded.enumerated().allSatisfy({ $1 == 1 || ($0 == 1 && $1 == channels) }) else { return nil }
    let values = tensor.elements(Float.self).map(Double.init)
    return values.count == 1 ? [Double](repeating: values[0], count: channels) : values
  }
}
