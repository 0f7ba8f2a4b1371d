import CKernels
import ONNXParse

/// Makes plans: specialises the graph, shares and places memory, prepares kernels, freezes the steps.
struct Planner {
  let registry: OperatorRegistry
  let pool: ThreadPool
  /// The most bytes a run may take for intermediates and outputs.
  let memoryLimit: Int
  var derivedConstants: DerivedConstantStore?
  var precision = Session.Precision.float32
  /// What the processor's kernels are, the same for all of a plan.
  var level = csn_cpu_current()

  /// Kinds of twins that are batched in one graph.
  private static let mostTwins = 8

  /// A plan that computes `outputs` from inputs of the given types.
  /// - Throws: `GraphError` where the types don't fit, a node can't be prepared (all such nodes in one error), or the
  ///   memory passes the limit.
  func plan(_ graph: Graph, inputTypes: [Value.ID: TensorType], outputs: [Value.ID]) throws -> Plan {
    let specialization = try Specialization(
      graph, inputTypes: inputTypes, outputs: outputs, registry: registry)
    let hasFixedInputs = graph.inputs.allSatisfy { graph[$0].type?.tensor?.concreteShape != nil }
    var graph = specialization.graph
    var dynamic = specialization.dynamicNodes
    // Where the inputs' shapes were declared, the optimiser knew all that is known now.
    if dynamic.isEmpty, !hasFixedInputs { try batchTwins(&graph) }
    // Each round leaves more nodes to the interpreter, until the kernels of all others can be prepared.
    while true {
      let segment = dynamic.isEmpty ? nil : PlannedSegment(graph, dynamic: dynamic)
      if segment == nil, !dynamic.isEmpty { return interpreted(graph, after: nil, in: graph) }
      switch try freeze(segment?.planned ?? graph) {
      case .plan(let plan):
        guard let segment else { return plan }
        let first = Plan.Segment(plan: plan, outputs: segment.planned.outputs)
        return interpreted(segment.rest, after: first, in: graph)
      case .needsValues(let nodes): dynamic.formUnion(nodes)
      }
    }
  }

  private enum Frozen {
    case plan(Plan)
    /// The nodes whose kernels need values that only a run knows.
    case needsValues(Set<Node.ID>)
  }

  /// A plan of all nodes of a specialised graph.
  private func freeze(_ graph: Graph) throws -> Frozen {
    let laidOut = try LayoutAssignment.assign(
      graph, registry: registry, inPairs: precision == .bfloat16 && csn_cpu_level_has_amx(level))
    let buffers = try BufferAssignment(laidOut, registry: registry)
    var assembly = Assembly(graph: laidOut, buffers: buffers, registry: registry, threads: pool.threads)
    assembly.derivedConstants = derivedConstants
    assembly.precision = precision
    assembly.level = level
    let dynamic = try assembly.prepareKernels()
    guard dynamic.isEmpty else { return .needsValues(dynamic) }
    assembly.addOutputCopies()
    return .plan(try assembly.freeze(pool: pool, memoryLimit: memoryLimit, interface: graph))
  }

  /// Batches the twins of an optimised graph whose shapes the optimiser did not know.
  private func batchTwins(_ graph: inout Graph) throws {
    let pass = TwinBatching()
    guard graph.passReports.contains(where: { $0.name == pass.name }) else { return }
    for _ in 0..<Self.mostTwins {
      let patch = try pass.patch(for: graph)
      if patch.isEmpty { return }
      try graph.apply(patch)
    }
  }

  /// The plan of `graph` that interprets `rest` after the planned segment.
  private func interpreted(_ rest: Graph, after segment: Plan.Segment?, in graph: Graph) -> Plan {
    Plan(
      graph: graph, memory: segment?.plan.memory ?? MemoryReport(), steps: segment?.plan.steps ?? [],
      body: .interpreted(derivedConstants.map(rest.aligned) ?? rest, after: segment))
  }
}

/// A plan in the making: slots, steps and memory requests, node by node.
private struct Assembly {
  let graph: Graph
  let buffers: BufferAssignment
  let registry: OperatorRegistry
  let threads: Int
  var derivedConstants: DerivedConstantStore?
  var precision = Session.Precision.float32
  var level = csn_cpu_current()

  private var slots: [Value.ID: Int] = [:]
  private var outputSlots: [Int: Int] = [:]
  private var slotCount = 0
  private var steps: [Step] = []
  private var descriptions: [StepDescription] = []
  private var scratch: [(slot: Int, request: MemoryRequest)] = []
  /// Constants of the kernels' own making, with the last step that reads each.
  private var constants: [(slot: Int, bytes: ByteRegion, step: Int)] = []
  /// The last steps that read initializers themselves, not what was made of them.
  private var initializerReads: [Value.ID: Int] = [:]

  init(graph: Graph, buffers: BufferAssignment, registry: OperatorRegistry, threads: Int) {
    self.graph = graph
    self.buffers = buffers
    self.registry = registry
    self.threads = threads
  }

  private mutating func slot(of id: Value.ID) -> Int {
    if let slot = slots[id] { return slot }
    defer { slotCount += 1 }
    slots[id] = slotCount
    return slotCount
  }

  /// Prepares the kernels of all nodes in order; gathers the errors of those that can't be. Returns the nodes that
  /// need values which only a run knows.
  mutating func prepareKernels() throws -> Set<Node.ID> {
    var errors: [GraphError] = []
    var needsValues: Set<Node.ID> = []
    for (index, node) in graph.nodes.enumerated() where !buffers.views.contains(node.id) {
      do {
        try prepare(node, at: index)
      } catch let error as GraphError {
        if error.category == .unknownValue {
          needsValues.insert(node.id)
        } else {
          errors.append(error.inside(node))
        }
      }
    }
    if let error = GraphError(listing: errors) { throw error }
    return needsValues
  }

  private mutating func prepare(_ node: Node, at index: Int) throws {
    guard let op = registry[node.op], case .kernel(var prepare) = op.implementation else {
      throw GraphError(.unsupportedOperator, "operator \(node.op) has no kernel")
    }
    if let blocked = op.blocked, graph.isBlocked(node) { prepare = blocked.kernel }
    if node.outputs.allSatisfy({ $0.flatMap { graph[$0].type?.tensor?.isEmpty } ?? true }) { return }
    let inputs = try node.inputs.map { try $0.map { try operand($0) } }
    let outputs = try node.outputs.map { try $0.map { try operand($0) } }
    var builder = KernelBuilder(
      node: node, inputs: inputs, outputs: outputs, threads: threads, firstFreeSlot: slotCount)
    builder.derivedConstants = derivedConstants
    builder.precision = precision
    builder.level = level
    try prepare(&builder)
    slotCount = builder.nextSlot
    for (slot, byteCount) in builder.scratch {
      scratch.append((slot, MemoryRequest(byteCount: byteCount, first: index, last: index)))
    }
    steps += builder.steps
    constants += builder.constants.map { ($0.slot, $0.bytes, steps.count - 1) }
    for (position, id) in node.inputs.enumerated() where !builder.replacedInputs.contains(position) {
      if let id { noteRead(of: id) }
    }
    let description = StepDescription(node, inputs: inputs, outputs: outputs, choice: builder.choice)
    // What a node counts is told once, with its first step.
    descriptions += builder.steps.indices.map { $0 == 0 ? description : description.continued }
  }

  /// Notes that the last step reads a value, in case it lies in an initializer.
  private mutating func noteRead(of id: Value.ID) {
    if case .constant(let initializer)? = buffers.storage[id] {
      initializerReads[initializer] = steps.count - 1
    }
  }

  private mutating func operand(_ id: Value.ID) throws -> KernelBuilder.Operand {
    guard let type = graph[id].type?.tensor, let shape = type.concreteShape else {
      throw GraphError(.shapeMismatch, "the shape of '\(graph[id].name)' is not known")
    }
    var operand = KernelBuilder.Operand(
      slot: slot(of: id), type: type, shape: shape, constant: graph.initializers[id])
    if case .buffer(_, let place)? = buffers.storage[id] {
      operand.imageStride = place.imageStride.map { $0 / MemoryLayout<Float>.stride }
    }
    return operand
  }

  /// Adds steps that copy outputs which lie elsewhere into their own memory.
  mutating func addOutputCopies() {
    for index in buffers.copiedOutputs {
      let id = graph.outputs[index]
      let source = slot(of: id)
      let target = slotCount
      slotCount += 1
      outputSlots[index] = target
      let byteCount = graph[id].type?.tensor?.byteCount ?? 0
      steps.append(
        Step { memory in
          memory.pointer(target, as: UInt8.self).update(from: memory.pointer(source), count: byteCount)
        })
      noteRead(of: id)
      descriptions.append(
        StepDescription(
          node: "(output \(graph[id].name))", op: OperatorName("Copy", domain: OperatorName.internalDomain),
          inputs: graph[id].type.map { [$0] } ?? [], outputs: graph[id].type.map { [$0] } ?? [],
          choice: nil, multiplyAdds: nil,
          byteCount: 2 * byteCount))
    }
  }

  /// Places the memory and puts the plan together.
  /// - Parameter interface: the graph whose inputs and outputs have the names and types that callers know.
  func freeze(pool: ThreadPool, memoryLimit: Int, interface: Graph) throws -> Plan {
    let inArena = buffers.buffers.indices.filter { buffers.buffers[$0].output == nil }
    let requests =
      inArena.map { index in
        let buffer = buffers.buffers[index]
        return MemoryRequest(byteCount: buffer.byteCount, first: buffer.first, last: buffer.last)
      } + scratch.map(\.request)
    let placed = try MemoryPlanner().plan(requests)
    let outputTypes = graph.outputs.compactMap { graph[$0].type?.tensor }
    var report = MemoryReport(
      arenaBytes: placed.arenaBytes,
      lowerBound: MemoryPlanner.lowerBound(of: inArena.flatMap(buffers.liveBytes) + scratch.map(\.request)),
      totalBytes: requests.reduce(0) { $0 + $1.byteCount }, buffers: requests.count)
    report.outputBytes = outputTypes.reduce(0) { $0 + ($1.byteCount ?? 0) }
    report.packedBytes = constants.reduce(0) { $0 + $1.bytes.count }
    let (needed, overflow) = report.arenaBytes.addingReportingOverflow(report.outputBytes)
    guard !overflow, needed <= memoryLimit else {
      throw GraphError(
        .limitExceeded,
        "a run needs \(needed) bytes (\(report.arenaBytes) for intermediates), more than the limit of \(memoryLimit)"
      )
    }
    let arenaOffsets = Dictionary(uniqueKeysWithValues: zip(inArena, placed.offsets))
    var reads = constants.map { (step: $0.step, bytes: $0.bytes) }
    var table = [FrozenPlan.SlotSource](repeating: .unused, count: slotCount)
    for (id, slot) in slots { table[slot] = source(of: id, arenaOffsets: arenaOffsets, noting: &reads) }
    for (index, slot) in outputSlots { table[slot] = .output(index, offset: 0) }
    for constant in constants { table[constant.slot] = .constant(constant.bytes.start) }
    for (entry, offset) in zip(scratch, placed.offsets.dropFirst(inArena.count)) {
      table[entry.slot] = .arena(offset: offset)
    }
    let frozen = FrozenPlan(
      steps: steps, slots: table,
      lastReads: reads.sorted { ($0.step, $0.bytes.start) < ($1.step, $1.bytes.start) },
      arenaBytes: placed.arenaBytes, inputTypes: graph.inputs.map { graph[$0].type?.tensor },
      outputTypes: outputTypes, pool: pool)
    return Plan(graph: interface, memory: report, steps: descriptions, body: .frozen(frozen))
  }

  private func source(
    of id: Value.ID, arenaOffsets: [Int: Int], noting reads: inout [(step: Int, bytes: ByteRegion)]
  ) -> FrozenPlan.SlotSource {
    switch buffers.storage[id] {
    case .constant(let id):
      guard let step = initializerReads[id], let tensor = graph.initializers[id],
        let bytes = (derivedConstants?.aligned(tensor, id) ?? tensor.aligned).bytes
      else { return .unused }
      reads.append((step, bytes))
      return .constant(bytes.start)
    case .input(let index): return .input(index)
    case .buffer(let buffer, let place):
      if let output = buffers.buffers[buffer].output { return .output(output, offset: place.offset) }
      return .arena(offset: (arenaOffsets[buffer] ?? 0) + place.offset)
    case nil: return .unused
    }
  }
}

extension StepDescription {
  init(
    _ node: Node, inputs: [KernelBuilder.Operand?], outputs: [KernelBuilder.Operand?],
    choice: String?
  ) {
    let present = inputs.compactMap(\.self)
    let made = outputs.compactMap(\.self)
    self.init(
      node: node.label, op: node.op,
      inputs: present.map { .tensor($0.type) }, outputs: made.map { .tensor($0.type) }, choice: choice,
      multiplyAdds: MultiplyAdds.count(
        node, inputs: inputs.map { $0?.shape }, outputs: outputs.map { $0?.shape }),
      byteCount: (present + made).reduce(0) { $0 + ($1.type.byteCount ?? 0) })
  }

  /// The description of a node's further steps.
  fileprivate var continued: StepDescription {
    StepDescription(
      node: node, op: op, inputs: inputs, outputs: outputs, choice: choice, multiplyAdds: nil, byteCount: 0,
      isContinued: true)
  }
}
