import ONNXParse

/// Merges equal constants, and nodes that compute the same from the same values.
struct CommonSubexpressions: Pass {
  let name = "common-subexpressions"

  func patch(for graph: Graph) throws -> GraphPatch {
    let index = GraphIndex(graph)
    var patch = GraphPatch(for: graph)
    var representative = mergeConstants(of: graph, index, &patch)
    var seen: [NodeKey: Node] = [:]
    for node in graph.nodes {
      guard OperatorRegistry.standard[node.op]?.isDeterministic ?? false,
        let key = NodeKey(node, representative: representative)
      else { continue }
      guard let first = seen[key] else {
        seen[key] = node
        continue
      }
      let pairs = zip(node.outputs, first.outputs)
      // The first may leave out an output that this one makes, and an output of the graph must keep its own value.
      guard pairs.allSatisfy({ old, new in old == nil || (new != nil && index.canReplace(old!, with: new!)) })
      else {
        continue
      }
      for case (let old?, let new?) in pairs {
        patch.replaceUses(of: old, with: new)
        representative[old] = representative[new] ?? new
      }
      patch.remove(node.id)
      patch.countChange()
    }
    return patch
  }

  /// Lets readers of equal constants read the first of them.
  private func mergeConstants(
    of graph: Graph, _ index: GraphIndex, _ patch: inout GraphPatch
  ) -> [Value.ID: Value.ID] {
    let representative = index.equalConstants { index.canReplace($0, with: $1) }
    for (id, equal) in representative {
      patch.replaceUses(of: id, with: equal)
      patch.countChange()
    }
    return representative
  }
}

extension GraphIndex {
  /// The constants in use that are equal to an earlier one, and that one; `isWanted` is asked of both.
  func equalConstants(where isWanted: (Value.ID, Value.ID) -> Bool = { _, _ in true }) -> [Value.ID: Value.ID]
  {
    var representative: [Value.ID: Value.ID] = [:]
    var seen: [ConstantKey: [Value.ID]] = [:]
    for (id, tensor) in graph.initializers.sorted(by: { $0.key < $1.key }) {
      guard isUsed(id), let key = ConstantKey(tensor) else { continue }
      let equal = seen[key, default: []].first { other in
        if tensor.deferred != nil { return true }
        guard let bytes = tensor.bytes, let otherBytes = graph.initializers[other]?.bytes else {
          return false
        }
        return bytes.withUnsafeBytes { a in otherBytes.withUnsafeBytes { b in a.elementsEqual(b) } }
      }
      if let equal, isWanted(id, equal) {
        representative[id] = equal
      } else {
        seen[key, default: []].append(id)
      }
    }
    return representative
  }
}

/// What equal constants have in common: type, shape, and a sample of the bytes, or how they are made where that is done
/// only when they are used.
private struct ConstantKey: Hashable {
  let elementType: ElementType
  let shape: [Int]
  let recipe: DeferredBytes.Recipe?
  let sample: [UInt8]

  /// nil for strings.
  init?(_ tensor: Tensor) {
    elementType = tensor.elementType
    shape = tensor.shape
    recipe = tensor.deferred?.recipe
    if recipe != nil {
      sample = []
      return
    }
    guard let bytes = tensor.bytes else { return nil }
    // Reading every page of a mapped weight to hash it would cost more than it finds.
    sample = bytes.withUnsafeBytes { all in
      let step = max(1, all.count / 64)
      return Array(all.prefix(64)) + stride(from: 0, to: all.count, by: step).map { all[$0] }
    }
  }
}

/// What nodes that compute the same have in common; nil for nodes with subgraphs.
struct NodeKey: Hashable {
  let op: OperatorName
  let inputs: [Value.ID?]
  let outputCount: Int
  let attributes: [String: AttributeKey]

  init?(_ node: Node, representative: [Value.ID: Value.ID]) {
    op = node.op
    inputs = node.inputs.map { $0.map { representative[$0] ?? $0 } }
    outputCount = node.outputs.count
    var attributes: [String: AttributeKey] = [:]
    for (name, attribute) in node.attributes {
      guard let key = AttributeKey(attribute) else { return nil }
      attributes[name] = key
    }
    self.attributes = attributes
  }
}

enum AttributeKey: Hashable {
  case ints([Int]), floats([UInt32]), strings([String])

  init?(_ attribute: Attribute) {
    switch attribute {
    case .int(let value): self = .ints([value])
    case .ints(let values): self = .ints(values)
    case .float(let value): self = .floats([value.bitPattern])
    case .floats(let values): self = .floats(values.map(\.bitPattern))
    case .string(let value): self = .strings([value])
    case .strings(let values): self = .strings(values)
    default: return nil
    }
  }
}
