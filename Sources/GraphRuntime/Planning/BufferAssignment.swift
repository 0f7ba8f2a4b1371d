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
    /// In a buffer.
    case buffer(Int, BufferPlace)
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
  /// Nodes that need no step, because what they make lies where their inputs are.
  private(set) var views: Set<Node.ID> = []
  /// Outputs whose value lies elsewhere and is copied when all is computed.
  private(set) var copiedOutputs: [Int] = []

  /// From the node that makes a value to the last that reads it, by index.
  private(set) var lifetimes: [Value.ID: ClosedRange<Int>] = [:]

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
      for id in node.outputs.compactMap(\.self) { lifetimes[id] = index...max(index, lastUse[id] ?? index) }
    }
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
        place.isDense, graph[source].type?.tensor?.byteCount == byteCounts[outputs[0]]
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
    case .joins(let axis) where outputs.count == 1:
      allocate(outputs[0], at: index)
      if moveInputs(of: node, into: outputs[0], along: axis) { views.insert(node.id) }
      return
    case .splits(let axis):
      if let source = node.input(0), case .buffer(let buffer, let place)? = storage[source],
        outputs.count == node.outputs.count,
        let places = places(of: outputs, in: source, at: place, along: axis)
      {
        for (id, place) in zip(outputs, places) { adopt(id, at: .buffer(buffer, place)) }
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

  /// How many images a blocked value has.
  private func images(of id: Value.ID) -> Int? {
    guard let type = graph[id].type?.tensor, type.layout != .rowMajor else { return nil }
    return type.concreteShape?.first
  }

  /// Where `parts` lie in the blocked value `whole`, which they make up.
  private func places(
    of parts: [Value.ID], in whole: Value.ID, at place: BufferPlace, along axis: Operator.ImageAxis
  ) -> [BufferPlace]? {
    let sizes = parts.compactMap { id in images(of: id).map { (images: $0, byteCount: byteCounts[id] ?? 0) } }
    guard let images = images(of: whole), sizes.count == parts.count else { return nil }
    return place.parts(sizes, along: axis, images: images)
  }

  /// Lets the inputs of a join lie where the join puts them: those that have a buffer of their own, which moves into
  /// the join's.
  /// - Returns: whether all inputs lie there.
  private mutating func moveInputs(
    of node: Node, into output: Value.ID, along axis: Operator.ImageAxis
  ) -> Bool {
    let inputs = node.inputs.compactMap(\.self)
    guard case .buffer(let target, let whole)? = storage[output],
      let places = places(of: inputs, in: output, at: whole, along: axis)
    else { return false }
    for (input, place) in zip(inputs, places) {
      guard case .buffer(let source, let present)? = storage[input], source != target,
        present == BufferPlace(offset: 0, byteCount: buffers[source].byteCount)
      else { continue }
      let values = buffers[source].values
      let moved = values.compactMap { id -> BufferPlace? in
        guard case .buffer(_, let present)? = storage[id] else { return nil }
        return present.moved(to: place, images: images(of: id))
      }
      guard moved.count == values.count else { continue }
      for (id, place) in zip(values, moved) { storage[id] = .buffer(target, place) }
      buffers[target].values += values
      buffers[target].live += buffers[source].live
      buffers[target].first = min(buffers[target].first, buffers[source].first)
      buffers[target].last = max(buffers[target].last, buffers[source].last)
      buffers[source] = Buffer(
        byteCount: 0, first: buffers[source].first, last: buffers[source].first, values: [], live: [])
    }
    return zip(inputs, places).allSatisfy { storage[$0] == .buffer(target, $1) }
  }

  private mutating func allocate(_ id: Value.ID, at index: Int) {
    let byteCount = byteCounts[id] ?? 0
    storage[id] = .buffer(buffers.count, BufferPlace(offset: 0, byteCount: byteCount))
    buffers.append(
      Buffer(byteCount: byteCount, first: index, last: lastUse[id] ?? index, values: [id], live: [id]))
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
        case .buffer(let buffer, let place)? = storage[input], byteCounts[input] == byteCounts[output],
        graph[input].type?.tensor?.layout == graph[output].type?.tensor?.layout,
        place.imageStride == nil || images(of: input) == images(of: output)
      else { continue }
      buffers[buffer].live.removeAll { lastUse[$0, default: 0] < index }
      let isFree = buffers[buffer].live.allSatisfy { other in
        guard other != input, case .buffer(_, let occupied)? = storage[other] else { return true }
        return !place.overlaps(occupied)
      }
      if isFree { return storage[input] }
    }
    return nil
  }

  /// Lets buffers be the outputs' own memory; an output that is an input, a constant, or shares a buffer with another
  /// output is copied.
  private mutating func claimOutputs() {
    for (index, id) in graph.outputs.enumerated() {
      if case .buffer(let buffer, let place)? = storage[id], buffers[buffer].output == nil,
        place == BufferPlace(offset: 0, byteCount: buffers[buffer].byteCount)
      {
        buffers[buffer].output = index
      } else {
        copiedOutputs.append(index)
      }
    }
  }
}

extension BufferAssignment.Storage {
  /// Whether the images lie one behind the other.
  fileprivate var isDense: Bool {
    if case .buffer(_, let place) = self { place.imageStride == nil } else { true }
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
  /// Whether any operand of the node is channel-blocked, be it in pairs.
  func isBlocked(_ node: Node) -> Bool {
    (node.inputs + node.outputs).contains { id in
      id.flatMap { self[$0].type?.tensor }.map { $0.layout != .rowMajor } ?? false
    }
  }
}

extension TensorType {
  /// The bytes that a tensor of this type takes; nil for strings, where the shape is not known, and on overflow.
  public var byteCount: Int? {
    guard let shape = concreteShape else { return nil }
    switch layout {
    case .rowMajor: break
    case .channelBlocked16, .channelPaired32:
      // The kernels say how far apart the blocks lie.
      guard elementType == .float32, shape.count == 4, shape.allSatisfy({ $0 > 0 && $0 < 1 << 24 }) else {
        return nil
      }
      var tensor = csn_tensor(images: shape, as: layout == .channelPaired32 ? CSN_PAIRED : CSN_BLOCKED)
      let count = csn_tensor_count(&tensor)
      return count > 0 ? count * MemoryLayout<Float>.stride : nil
    }
    return shape.elementCount.flatMap(elementType.byteCount(of:))
  }
}
