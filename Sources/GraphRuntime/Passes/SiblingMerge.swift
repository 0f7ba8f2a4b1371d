/// Merges 1x1 convolutions that read the same input into one, whose output is split: the branches of GoogLeNet's
/// modules then read their input once. The runtime's layout splits between blocks of 16 channels, so all parts are whole
/// blocks, but for the last, which one branch with another number of channels may be.
struct SiblingMerge: Pass {
  let name = "sibling-merge"

  func patch(for graph: Graph) throws -> GraphPatch {
    let index = GraphIndex(graph)
    var patch = GraphPatch(for: graph)
    var families: [Sibling.Family: [Sibling]] = [:]
    var order: [Sibling.Family] = []
    for node in graph.nodes {
      guard let sibling = Sibling(node, index) else { continue }
      if families[sibling.family] == nil { order.append(sibling.family) }
      families[sibling.family, default: []].append(sibling)
    }
    for family in order {
      let siblings = Self.separable(families[family] ?? [])
      if siblings.count > 1 { merge(siblings, of: graph, into: &patch) }
    }
    return patch
  }

  /// Those of `siblings` whose outputs the runtime's layout can split: of them with a broken block the widest, as the last.
  private static func separable(_ siblings: [Sibling]) -> [Sibling] {
    let broken = siblings.filter { $0.channels % 16 != 0 }.max { $0.channels < $1.channels }
    return siblings.filter { $0.channels % 16 == 0 } + (broken.map { [$0] } ?? [])
  }

  private func merge(_ siblings: [Sibling], of graph: Graph, into patch: inout GraphPatch) {
    let first = siblings[0]
    let name = siblings.map(\.node.name).joined(separator: "+")
    let channels = siblings.map(\.channels)
    let total = channels.reduce(0, +)
    let weights = Tensor(
      siblings.flatMap { $0.weight.elements(Float.self) }, shape: [total] + first.weight.shape.dropFirst())
    let bias = Tensor(siblings.flatMap(\.bias), shape: [total])
    var type = first.type
    type.shape?[1] = .fixed(total)
    let merged = patch.addValue(name + "_merged", .tensor(type))
    patch.addNode(
      first.node.op, name: name,
      inputs: [
        first.family.input, patch.addInitializer(name + "_weights", weights),
        patch.addInitializer(name + "_bias", bias),
      ], outputs: [merged], attributes: first.node.attributes)
    let sizes = patch.addInitializer(
      name + "_sizes", Tensor(channels.map(Int64.init), shape: [channels.count]))
    patch.addNode(
      "Split", name: name + "_split", inputs: [merged, sizes], outputs: siblings.map(\.output),
      attributes: ["axis": .int(1)])
    for sibling in siblings { patch.remove(sibling.node.id) }
    patch.countChange()
  }
}

/// A 1x1 convolution that may be merged with others of its family.
private struct Sibling {
  /// What siblings have in common.
  struct Family: Hashable {
    let input: Value.ID
    let op: OperatorName
    let weightShape: [Int]
    let strides: [Int]
    let activation: Activation
  }

  /// What follows the sums.
  struct Activation: Hashable {
    let clamp: FusedConvolution.Clamp?
    init(_ node: Node) throws { clamp = try FusedConvolution.clamp(of: node) }
  }

  let node: Node
  let family: Family
  let weight: Tensor
  let bias: [Float]
  let output: Value.ID
  let type: TensorType
  var channels: Int { weight.shape[0] }

  /// nil where `node` is not such a convolution, or its weights are not known.
  init?(_ node: Node, _ index: GraphIndex) {
    guard node.op == "Conv" || node.op == FusedConvolution.name, node.input(3) == nil,
      let input = node.input(0), let output = node.output(0),
      let weight = index.constant(node.input(1)), weight.elementType == .float32,
      weight.shape.count > 2, weight.shape.dropFirst(2).allSatisfy({ $0 == 1 }), weight.shape[0] > 0,
      let type = index.tensorType(output), type.shape?.count == weight.shape.count,
      node.attributes["group"]?.int ?? 1 == 1, let activation = try? Activation(node)
    else { return nil }
    let rank = weight.shape.count - 2
    let pads = node.attributes["pads"]?.ints ?? []
    // With a window of one element, every auto_pad is no padding but at strides.
    guard pads.allSatisfy({ $0 == 0 }),
      ["", "NOTSET", "VALID"].contains(node.attributes["auto_pad"]?.string ?? "")
    else { return nil }
    if node.input(2) == nil {
      bias = [Float](repeating: 0, count: weight.shape[0])
    } else if let constant = index.constant(node.input(2)), constant.elementType == .float32 {
      bias = constant.elements(Float.self)
    } else {
      return nil
    }
    let strides = node.attributes["strides"]?.ints ?? []
    family = Family(
      input: input, op: node.op, weightShape: Array(weight.shape.dropFirst()),
      strides: strides.isEmpty ? [Int](repeating: 1, count: rank) : strides, activation: activation)
    self.node = node
    self.weight = weight
    self.output = output
    self.type = type
  }
}
