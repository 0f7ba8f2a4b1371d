import ONNXParse

/// Runs twins, branches that do the same with the same weights to tensors of one type, as one branch on their values
/// stacked along axis 0: the two inputs of a siamese network, the pictures that are fused. Where that ends, the results
/// are split. Both cost nothing where the runtime's layout lets parts be views.
///
/// Weights are then read once instead of once a twin; but what passes from node to node is then that of all twins, falls out
/// of the caches sooner, and takes memory. Both count in bytes: a node is worth batching where its constants take more of
/// them than what one twin's other operands do. Of the twins' nodes, in order, the stretch is batched that is worth the
/// most: of a network for pictures the layers behind the first few, of one for large pictures none.
///
/// Only known shapes can be weighed: where they are symbolic, the planner does this again for the shapes of the run.
struct TwinBatching: Pass {
  let name = "twin-batching"
  /// Fewer bytes than these are read in less time than goes into stacking and splitting, or stay in the caches anyway.
  var leastSavedBytes = 4 << 20

  /// How many sets of lanes are compared, more than real graphs have: each takes a look at all constants.
  private static let mostGroups = 64
  /// How many sets of twins are looked at closely: each takes a walk over the graph.
  private static let mostTries = 8

  /// Batches the twins that save the most; others are found when the pass is run again.
  func patch(for graph: Graph) throws -> GraphPatch {
    var patch = GraphPatch(for: graph)
    let groups = Lanes(graph).groups.prefix(Self.mostGroups)
    if groups.isEmpty { return patch }
    let equal = GraphIndex(graph).equalConstants()
    var candidates = groups.compactMap { Twins(of: $0, in: graph, equalConstants: equal) }
    for _ in 0..<Self.mostTries {
      candidates.removeAll { $0.savedBytes < leastSavedBytes }
      guard let best = candidates.indices.max(by: { candidates[$0].savedBytes < candidates[$1].savedBytes })
      else { break }
      let twins = candidates.remove(at: best)
      let independent = twins.independentLanes(in: graph)
      if independent.count == twins.lanes.count {
        twins.batch(graph, in: &patch)
        break
      }
      if let fewer = Twins(of: independent, in: graph, equalConstants: equal) { candidates.append(fewer) }
    }
    return patch
  }
}

/// The nodes of a graph that compute entry by entry along axis 0, by the value that all their inputs come from.
private struct Lanes {
  struct Lane {
    /// What the lane starts from.
    let root: Value.ID
    /// In the graph's order.
    var nodes: [Node] = []
  }

  /// Lanes whose roots have the same type, in the graph's order.
  private(set) var groups: [[Lane]] = []

  init(_ graph: Graph) {
    var lanes: [Value.ID: Lane] = [:]
    var roots: [Value.ID: Value.ID] = [:]
    for node in graph.nodes {
      let varying = node.inputs.indices.filter { index in
        node.inputs[index].map { graph.initializers[$0] == nil } ?? false
      }
      // A value that no lane has made is a root.
      let sources = Set(varying.compactMap { node.inputs[$0] }.map { roots[$0] ?? $0 })
      guard sources.count == 1, let root = sources.first,
        node.attributes.values.allSatisfy(\.subgraphs.isEmpty),
        Stacking.isAllowed(BlockedQuery(node, in: graph), varying: Set(varying))
      else { continue }
      lanes[root, default: Lane(root: root)].nodes.append(node)
      for id in node.outputs.compactMap(\.self) { roots[id] = root }
    }
    var indices: [TensorType: Int] = [:]
    for lane in lanes.values.sorted(by: { $0.root < $1.root }) {
      guard let type = graph[lane.root].type?.tensor else { continue }
      if let index = indices[type] {
        groups[index].append(lane)
      } else {
        indices[type] = groups.count
        groups.append([lane])
      }
    }
    groups.removeAll { $0.count < 2 }
  }
}

/// What lanes that start alike have in common.
private struct Twins {
  let lanes: [Lanes.Lane]
  /// The nodes to batch, one of each lane, in the graph's order.
  private let families: [[Node]]
  /// How many bytes less are read for every lane but the first.
  let savedBytes: Int

  /// nil where no two lanes do the same, or nothing of it is worth batching.
  init?(of group: [Lanes.Lane], in graph: Graph, equalConstants: [Value.ID: Value.ID]) {
    guard let (members, families) = Self.alike(group, in: graph, equalConstants) else { return nil }
    let best = Self.heaviest(families.map { Self.worth(of: $0[0], in: graph) })
    if best.range.isEmpty { return nil }
    lanes = members.map { group[$0] }
    self.families = Array(families[best.range])
    savedBytes = best.sum
  }

  /// Bytes of a node's constants less those of its other operands.
  private static func worth(of node: Node, in graph: Graph) -> Int {
    (node.inputs + node.outputs).compactMap(\.self).reduce(0) { sum, id in
      let byteCount = graph[id].type?.tensor?.byteCount ?? 0
      return graph.initializers[id] == nil ? sum - byteCount : sum + byteCount
    }
  }

  /// The stretch of `values` with the largest sum.
  private static func heaviest(_ values: [Int]) -> (range: Range<Int>, sum: Int) {
    var best = (range: 0..<0, sum: 0)
    var (start, sum) = (0, 0)
    for (index, value) in values.enumerated() {
      sum += value
      if sum > best.sum { best = (start..<index + 1, sum) }
      if sum <= 0 { (start, sum) = (index + 1, 0) }
    }
    return best
  }

  /// Those of `lanes` that have the most in common, and the nodes that all of them have.
  private static func alike(
    _ lanes: [Lanes.Lane], in graph: Graph, _ equalConstants: [Value.ID: Value.ID]
  ) -> (lanes: [Int], families: [[Node]])? {
    guard lanes.count > 1 else { return nil }
    // Twins' nodes would be common subexpressions if the lanes started from one value.
    var representative = equalConstants
    for lane in lanes { representative[lane.root] = lanes[0].root }
    var families: [[(lane: Int, node: Node)]] = []
    var indices: [NodeKey: Int] = [:]
    for (position, lane) in lanes.enumerated() {
      for node in lane.nodes {
        guard let key = NodeKey(node, representative: representative) else { continue }
        guard let index = indices[key] else {
          indices[key] = families.count
          families.append([(position, node)])
          continue
        }
        let pairs = Array(zip(node.outputs, families[index][0].node.outputs))
        guard families[index].last?.lane != position, pairs.allSatisfy({ ($0 == nil) == ($1 == nil) }) else {
          continue
        }
        for case (let own?, let other?) in pairs {
          representative[own] = other
        }
        families[index].append((position, node))
      }
    }
    // Nodes weigh what their constants do.
    var weights: [[Int]: Int] = [:]
    for family in families where family.count > 1 {
      weights[family.map { $0.lane }, default: 0] += family[0].node.inputs.reduce(0) { sum, id in
        sum + (id.flatMap { graph.initializers[$0]?.type.byteCount } ?? 0)
      }
    }
    let heaviest = weights.max {
      $0.value == $1.value ? $1.key.lexicographicallyPrecedes($0.key) : $0.value < $1.value
    }
    guard let chosen = heaviest?.key else { return nil }
    let members = Set(chosen)
    let common = families.map { $0.filter { members.contains($0.lane) }.map { $0.node } }
    return (chosen, common.filter { $0.count == chosen.count })
  }

  /// The lanes that can run side by side: those that don't start from what the nodes to batch have made.
  func independentLanes(in graph: Graph) -> [Lanes.Lane] {
    let batched = Set(families.joined().map(\.id))
    var late: Set<Value.ID> = []
    for node in graph.nodes where batched.contains(node.id) || node.reads.contains(where: late.contains) {
      late.formUnion(node.outputs.compactMap(\.self))
    }
    return lanes.filter { !late.contains($0.root) }
  }

  /// Replaces the first lane's nodes by those for all, and drops the others'.
  func batch(_ graph: Graph, in patch: inout GraphPatch) {
    let batched = Set(families.joined().map(\.id))
    var needed = Set(graph.outputs)
    for node in graph.nodes where !batched.contains(node.id) { needed.formUnion(node.reads) }
    var stacked: [Value.ID: Value.ID] = [:]
    func stack(_ parts: [Value.ID]) -> Value.ID {
      var type = graph[parts[0]].type?.tensor
      if let extent = type?.concreteShape?[0] { type?.shape?[0] = .fixed(extent * parts.count) }
      let whole = patch.addValue(graph[parts[0]].name + "_twins", type.map(ValueType.tensor))
      stacked[parts[0]] = whole
      return whole
    }
    for family in families {
      var node = family[0]
      node.name = family.map(\.name).joined(separator: "+")
      for (position, input) in node.inputs.enumerated() {
        guard let input, graph.initializers[input] == nil else { continue }
        if stacked[input] == nil {
          let parts = family.compactMap { $0.inputs[position] }
          patch.addNode(
            "Concat", name: graph[input].name + "_twins", inputs: parts, outputs: [stack(parts)],
            attributes: ["axis": .int(0)])
        }
        node.inputs[position] = stacked[input]
      }
      for position in node.outputs.indices {
        let parts = family.compactMap { $0.outputs[position] }
        if parts.isEmpty { continue }
        let whole = stack(parts)
        node.outputs[position] = whole
        if parts.contains(where: needed.contains) { split(whole, into: parts, of: graph, in: &patch) }
      }
      patch.replace(node)
      for twin in family.dropFirst() { patch.remove(twin.id) }
    }
    patch.countChange()
  }

  private func split(_ whole: Value.ID, into parts: [Value.ID], of graph: Graph, in patch: inout GraphPatch) {
    let name = graph[parts[0]].name + "_split"
    let extent = graph[parts[0]].type?.tensor?.concreteShape?[0] ?? 1
    let sizes = [Int64](repeating: Int64(extent), count: parts.count)
    patch.addNode(
      "Split", name: name,
      inputs: [whole, patch.addInitializer(name + "_sizes", Tensor(sizes, shape: [parts.count]))],
      outputs: parts, attributes: ["axis": .int(0)])
  }
}
