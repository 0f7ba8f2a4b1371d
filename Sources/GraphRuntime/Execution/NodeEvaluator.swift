import CKernels
import ONNXParse

/// Computes single nodes on given values: infers the outputs' types, prepares the kernel, runs it once.
struct NodeEvaluator: Sendable {
  let registry: OperatorRegistry
  /// The threads kernels run on; nil runs them here.
  var pool: ThreadPool?
  /// The most bytes one node may ask for.
  var memoryLimit = Int.max

  typealias SubgraphRunner = (_ subgraph: Subgraph, _ inputs: [RuntimeValue]) throws -> [RuntimeValue]

  init(registry: OperatorRegistry, pool: ThreadPool? = nil, memoryLimit: Int = SystemMemory.available) {
    self.registry = registry
    self.pool = pool
    self.memoryLimit = memoryLimit
  }

  /// The values of the node's outputs; nil for those not asked for.
  func evaluate(
    _ node: Node, inputs: [RuntimeValue?], runSubgraph: SubgraphRunner
  ) throws -> [RuntimeValue?] {
    guard let op = registry[node.op] else {
      throw GraphError(.unsupportedOperator, "operator \(node.op) is not supported")
    }
    try op.checkArity(of: node)
    switch op.implementation {
    case .evaluate(let body):
      return try withoutActuallyEscaping(runSubgraph) {
        try body(Evaluation(node: node, inputs: inputs, run: $0))
      }
    case .kernel(let prepare):
      if let body = op.stringImplementation, try handlesStrings(node, op, inputs: inputs) {
        return try body(Evaluation(node: node, inputs: inputs, run: { _, _ in [] }))
      }
      if case .view = op.sharing, let shared = try view(node, op, inputs: inputs) { return shared }
      return try runKernel(node, op, prepare, inputs: inputs.map { try $0.map(tensor(of:)) })
    }
  }

  /// Whether strings are among a node's inputs or outputs.
  private func handlesStrings(_ node: Node, _ op: Operator, inputs: [RuntimeValue?]) throws -> Bool {
    let tensors = inputs.map { $0?.tensor }
    if tensors.contains(where: { $0?.elementType == .string }) { return true }
    return try outputTypes(node, op, inputs: tensors).contains { $0?.elementType == .string }
  }

  private func tensor(of value: RuntimeValue) throws -> Tensor {
    guard let tensor = value.tensor else {
      throw GraphError(.unsupportedType, "a \(value.type) can't be used where a tensor is needed")
    }
    return tensor
  }

  /// The result of an operator that only gives its input another shape; nil where it makes more than that.
  private func view(_ node: Node, _ op: Operator, inputs: [RuntimeValue?]) throws -> [RuntimeValue?]? {
    guard node.outputs.count == 1, let source = inputs.first ?? nil else { return nil }
    guard case .tensor(let tensor) = source else { return [source] }
    let type = try outputTypes(node, op, inputs: inputs.map { $0?.tensor })[0]
    guard let shape = type?.concreteShape, type?.elementType == tensor.elementType else { return nil }
    return [.tensor(try tensor.reshaped(to: shape))]
  }

  /// The types the operator's rule gives for tensors that are all known.
  private func outputTypes(_ node: Node, _ op: Operator, inputs: [Tensor?]) throws -> [TensorType?] {
    var inference = TypeInference(evaluating: node, inputs: inputs)
    try op.checkElementTypes(inference)
    try op.infer(&inference)
    return try node.outputs.enumerated().map { index, id in
      guard id != nil else { return nil }
      guard let type = inference.outputTypes[index]?.tensor else {
        throw GraphError(.unsupportedType, "the type of output \(index) is not known")
      }
      return type
    }
  }

  private func runKernel(
    _ node: Node, _ op: Operator, _ prepare: (inout KernelBuilder) throws -> Void, inputs: [Tensor?]
  ) throws -> [RuntimeValue?] {
    let inputs = inputs.map { $0?.aligned }
    let types = try outputTypes(node, op, inputs: inputs)
    let outputs = try types.map { try $0.map { try Allocation($0, limit: memoryLimit) } }
    if types.allSatisfy({ $0?.isEmpty ?? true }) {
      return try outputs.map { try $0.map { .tensor(try Tensor(empty: $0.type, shape: $0.shape)) } }
    }
    var builder = KernelBuilder(
      node: node,
      inputs: inputs.enumerated().map { slot, tensor in
        tensor.map { .init(slot: slot, type: $0.type, shape: $0.shape, constant: $0) }
      },
      outputs: outputs.enumerated().map { index, output in
        output.map { .init(slot: inputs.count + index, type: $0.type, shape: $0.shape, constant: nil) }
      },
      threads: pool?.threads ?? 1, firstFreeSlot: inputs.count + outputs.count)
    try prepare(&builder)

    let strings = StringTable()
    var slots = [UnsafeMutableRawPointer?](repeating: nil, count: builder.nextSlot)
    let inputBytes = inputs.map { $0.map { $0.bytes ?? strings.handles(of: $0) } }
    for (slot, bytes) in inputBytes.enumerated() {
      slots[slot] = bytes.map { UnsafeMutableRawPointer(mutating: $0.start) }
    }
    for (index, output) in outputs.enumerated() {
      slots[inputs.count + index] = output.map { UnsafeMutableRawPointer(mutating: $0.bytes.start) }
    }
    for (slot, bytes) in builder.constants { slots[slot] = UnsafeMutableRawPointer(mutating: bytes.start) }
    guard builder.scratch.allSatisfy({ $0.byteCount <= memoryLimit }) else {
      throw GraphError(.limitExceeded, "the working memory passes the limit of \(memoryLimit) bytes")
    }
    let scratch = builder.scratch.map { ByteRegion(count: $0.byteCount) { _ in } }
    for (entry, bytes) in zip(builder.scratch, scratch) {
      slots[entry.slot] = UnsafeMutableRawPointer(mutating: bytes.start)
    }
    withExtendedLifetime((inputBytes, outputs, builder, scratch)) {
      for step in builder.steps {
        let frozen = step.frozen
        frozen.function(frozen.arguments, slots, pool?.pointer)
      }
    }
    try StepFailure.check()
    return try outputs.map {
      try $0.map { output in
        if output.type.elementType == .string {
          return .tensor(try strings.tensor(of: output.bytes, shape: output.shape))
        }
        return .tensor(try Tensor(output.type.elementType, shape: output.shape, bytes: output.bytes))
      }
    }
  }

  /// Memory for one output.
  private struct Allocation {
    let type: TensorType
    let shape: [Int]
    let bytes: ByteRegion

    init(_ type: TensorType, limit: Int) throws {
      guard let shape = type.concreteShape else {
        throw GraphError(.shapeMismatch, "the output's shape \(type) is not known from the inputs")
      }
      guard let byteCount = shape.elementCount.flatMap(type.elementType.heldByteCount(of:)),
        byteCount <= limit
      else {
        throw GraphError(.limitExceeded, "an output \(type) passes the memory limit of \(limit) bytes")
      }
      self.type = type
      self.shape = shape
      bytes = ByteRegion(count: byteCount) { _ in }
    }
  }
}

extension TypeInference {
  /// The setting for a node whose input tensors are all known.
  init(evaluating node: Node, inputs: [Tensor?]) {
    self.init(
      node: node, inputTypes: inputs.map { $0.map { .tensor($0.type) } }, constants: inputs,
      shapeValues: inputs.map { tensor in
        guard let tensor, tensor.count <= Self.longestShapeValue else { return nil }
        return tensor.integers.map { $0.map(Dimension.fixed) }
      },
      inferSubgraph: { _, _ in throw GraphError(.invalidGraph, "a kernel has no subgraphs") },
      outputTypes: Array(repeating: nil, count: node.outputs.count),
      outputShapeValues: Array(repeating: nil, count: node.outputs.count))
  }

  /// More elements than a shape, or a list of axes or pads, ever has.
  static let longestShapeValue = 1024
}

extension Operator {
  /// Checks that a node has as many inputs and outputs as the operator takes.
  func checkArity(of node: Node) throws {
    // Trailing optional inputs and outputs may be left out by name or by count.
    guard node.inputs.count <= inputs.upperBound, node.inputs.count >= inputs.lowerBound else {
      throw GraphError(
        .invalidGraph,
        "\(node.op) takes \(Self.describe(inputs)) inputs, but the node has \(node.inputs.count)")
    }
    guard node.outputs.count <= outputs.upperBound, node.outputs.count >= outputs.lowerBound else {
      throw GraphError(
        .invalidGraph,
        "\(node.op) gives \(Self.describe(outputs)) outputs, but the node has \(node.outputs.count)")
    }
  }

  private static func describe(_ range: ClosedRange<Int>) -> String {
    if range.upperBound == variadic { return "\(range.lowerBound) or more" }
    return range.lowerBound == range.upperBound
      ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
  }
}

extension RuntimeValue {
  /// The value's type; that of a sequence is told by its first element.
  public var type: ValueType {
    switch self {
    case .tensor(let tensor): .tensor(tensor.type)
    case .sequence(let elements): .sequence(elements.first?.type)
    case .optional(let value): .optional(value?.type)
    }
  }
}
