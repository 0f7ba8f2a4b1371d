import CKernels

/// Which buffer each value of a specialised graph lies in, and from when to when a buffer is needed.
///
/// Views share their input's buffer, and outputs are written over inputs where the operator allows it and nothing
/// reads what would be lost. Inputs, constants and the outputs asked for are never written over.
struct BufferAssignment {
  /// What a value's bytes are.
  enum Storage: Hashable {
    /// That initializer's.
    case constant(Value.ID)
    /// The graph input of that index.
    case input(Int)
    /// A stretch of a buffer that starts at `offset`.
    case buffer(Int, offset: Int)
  }

  /// Memory of one or more values.
  struct Buffer {
    var byteCount: Int
    /// The first and the last node, by index, during which it is needed.
    var first: Int
    var last: Int
    /// The graph output that the buffer serves as memory of; nil for intermediates.
    var output: Int?
    /// Values that lie in it.
    var values: [Value.ID]
    /// Those of them that a later node may read still, as far as was looked.
    var live: [Value.ID]
  }

  private(set) var storage: [Value.ID: Storage] = [:]
  private(set) var buffers: [Buffer] = []
  /// Nodes that need no step, because their output is their input's memory.
  private(set) var views: Set<Node.ID> = []
  /// Outputs whose value lies elsewhere and is copied when all is computed.
  private(set) var copiedOutputs: [Int] = []

  private let graph: Graph
  private var lastUse: [Value.ID: Int] = [:]
  private var byteCounts: [Value.ID: Int] = [:]

  /// - Precondition: every node is plannable: its values are tensors of known size.
  init(_ graph: Graph, registry: OperatorRegistry) throws {
    self.graph = graph
    for id in graph.initializers.keys { storage[id] = .constant(id) }
    for (index, id) in graph.inputs.enumerated() where storage[id] == nil { storage[id] = .input(index) }
    for (index, node) in graph.nodes.enumerated() {
      for id in node.outputs.compactMap(\.self) {
        lastUse[id] = index
        byteCounts[id] = graph[id].type?.tensor?.byteCount ?? 0
      }
      for id in node.reads { lastUse[id] = index }
    }
    for id in graph.outputs { lastUse[id] = graph.nodes.count }
    for (index, node) in graph.nodes.enumerated() {
      guard let op = registry[node.op] else { continue }
      assign(node, at: index, try op.sharing(for: node, in: graph))
    }
    claimOutputs()
  }

  private mutating func assign(_ node: Node, at index: Int, _ sharing: Operator.Sharing) {
    let outputs = node.outputs.compactMap(\.self)
    switch sharing {
    case .view where outputs.count == 1:
      if let source = node.input(0), let place = storage[source],
        graph[source].type?.tensor?.byteCount == byteCounts[outputs[0]]
      {
        adopt(outputs[0], at: place)
        views.insert(node.id)
        return
      }
    case .overwrites(let candidates):
      if let output = node.output(0), let place = overwritable(candidates, of: node, at: index, by: output) {
        adopt(output, at: place)
        for id in outputs where id != output { allocate(id, at: index) }
        return
      }
    case .joinsChannels where outputs.count == 1 && isOneImage(outputs[0]):
      allocate(outputs[0], at: index)
      moveInputs(of: node, into: outputs[0])
      return
    case .splitsChannels:
      if let source = node.input(0), isOneImage(source),
        case .buffer(let buffer, var offset)? = storage[source], outputs.count == node.outputs.count
      {
        for id in outputs {
          adopt(id, at: .buffer(buffer, offset: offset))
          offset += byteCounts[id] ?? 0
        }
        views.insert(node.id)
        return
      }
    default: break
    }
    allocateAll(outputs, at: index)
  }

  private mutating func allocateAll(_ ids: [Value.ID], at index: Int) {
    for id in ids { allocate(id, at: index) }
  }

  private func isOneImage(_ id: Value.ID) -> Bool { graph[id].type?.tensor?.concreteShape?.first == 1 }

  /// Lets the inputs of a join lie where the join puts them: those that have a buffer of their own, which moves into
  /// the join's.
  private mutating func moveInputs(of node: Node, into output: Value.ID) {
    guard case .buffer(let target, _)? = storage[output] else { return }
    var offset = 0
    for input in node.inputs.compactMap(\.self) {
      defer { offset += byteCounts[input] ?? 0 }
      guard case .buffer(let source, 0)? = storage[input], source != target,
        buffers[source].byteCount == byteCounts[input]
      else { continue }
      for value in buffers[source].values {
        guard case .buffer(_, let start)? = storage[value] else { continue }
        storage[value] = .buffer(target, offset: offset + start)
      }
      buffers[target].values += buffers[source].values
      buffers[target].live += buffers[source].live
      buffers[target].first = min(buffers[target].first, buffers[source].first)
      buffers[target].last = max(buffers[target].last, buffers[source].last)
      buffers[source] = Buffer(
        byteCount: 0, first: buffers[source].first, last: buffers[source].first, values: [], live: [])
    }
  }

  private mutating func allocate(_ id: Value.ID, at index: Int) {
    storage[id] = .buffer(buffers.count, offset: 0)
    buffers.append(
      Buffer(
        byteCount: byteCounts[id] ?? 0, first: index, last: lastUse[id] ?? index, values: [id], live: [id]))
  }

  private mutating func adopt(_ id: Value.ID, at place: Storage) {
    storage[id] = place
    guard case .buffer(let buffer, _) = place else { return }
    buffers[buffer].values.append(id)
    buffers[buffer].live.append(id)
    buffers[buffer].last = max(buffers[buffer].last, lastUse[id] ?? 0)
  }

  /// The memory of the first candidate input that may be written over: of the output's size, and not read afterwards
  /// nor, under another name, by this node.
  private mutating func overwritable(_ candidates: [Int], of node: Node, at index: Int, by output: Value.ID)
    -> Storage?
  {
    for candidate in candidates {
      guard let input = node.input(candidate), lastUse[input] == index,
        // Not where the node reads the same value as an input that must stay.
        node.inputs.indices.allSatisfy({ node.inputs[$0] != input || candidates.contains($0) }),
        case .buffer(let buffer, let offset)? = storage[input],
        let size = byteCounts[input], size == byteCounts[output]
      else { continue }
      let stretch = offset..<offset + size
      buffers[buffer].live.removeAll { lastUse[$0, default: 0] < index }
      let isFree = buffers[buffer].live.allSatisfy { other in
        guard other != input, case .buffer(_, let start)? = storage[other] else { return true }
        return !stretch.overlaps(start..<start + (byteCounts[other] ?? 0))
      }
      if isFree { return storage[input] }
    }
    return nil
  }

  /// Lets buffers be the outputs' own memory; an output that is an input, a constant, or shares a buffer with another
  /// output is copied.
  private mutating func claimOutputs() {
    for (index, id) in graph.outputs.enumerated() {
      if case .buffer(let buffer, 0)? = storage[id], buffers[buffer].output == nil,
        buffers[buffer].byteCount == byteCounts[id]
      {
        buffers[buffer].output = index
      } else {
        copiedOutputs.append(index)
      }
    }
  }
}

extension Operator {
  /// How a node's output shares memory, in the layouts chosen for it.
  func sharing(for node: Node, in graph: Graph) throws -> Sharing {
    guard let blocked, graph.isBlocked(node) else { return sharing }
    return try blocked.form(BlockedQuery(node, in: graph))?.sharing ?? .none
  }
}

extension Graph {
  /// Whether any operand of the node is channel-blocked.
  func isBlocked(_ node: Node) -> Bool {
    (node.inputs + node.outputs).contains { id in
      id.map { self[$0].type?.tensor?.layout == .channelBlocked16 } ?? false
    }
  }
}

extension TensorType {
  /// The bytes that a tensor of this type takes; nil for strings, where the shape is not known, and on overflow.
  public var byteCount: Int? {
    guard let shape = concreteShape else { return nil }
    switch layout {
    case .rowMajor: break
    case .channelBlocked16:
      // The kernels say how far apart the blocks lie.
      guard elementType == .float32, shape.count == 4, shape.allSatisfy({ $0 > 0 && $0 < 1 << 24 }) else {
        return nil
      }
      var tensor = csn_tensor(blocked: shape)
      let count = csn_tensor_count(&tensor)
      return count > 0 ? count * MemoryLayout<Float>.stride : nil
    }
    return shape.elementCount.flatMap(elementType.byteCount(of:))
  }
}
