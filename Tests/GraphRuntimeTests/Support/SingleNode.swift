import CKernels
import ONNXParse
@testable import GraphRuntime

/// Runs one operator by itself: its shape rule, then its kernel.
struct SingleNode {
  let op: OperatorName
  var attributes: [String: Attribute] = [:]
  var outputs = 1
  var threads = 1

  /// The outputs for `inputs` (nil where one is left out).
  /// - Throws: what the operator throws, and `GraphError` where its rule leaves a type open.
  func run(_ inputs: [Tensor?]) throws -> [Tensor] {
    let node = try makeNode(inputs)
    guard let implementation = OperatorRegistry.standard[op] else {
      throw GraphError(.unsupportedOperator, "no operator \(op)")
    }
    let types = try inferredTypes(inputs)
    let operands = inputs.enumerated().map { slot, tensor in
      tensor.map { KernelBuilder.Operand(slot: slot, type: $0.type, shape: $0.shape, constant: $0) }
    }
    let results = try types.enumerated().map { index, type in
      guard let type = type?.tensor, let shape = type.concreteShape else {
        throw GraphError(
          .shapeMismatch, "output \(index) of \(op) is left open: \(type.map { "\($0)" } ?? "nil")")
      }
      return KernelBuilder.Operand(slot: inputs.count + index, type: type, shape: shape, constant: nil)
    }
    var builder = KernelBuilder(
      node: node, inputs: operands, outputs: results, threads: threads, firstFreeSlot: inputs.count + outputs)
    guard case .kernel(let prepare) = implementation.implementation else {
      throw GraphError(.unsupportedOperator, "\(op) has no kernel")
    }
    try prepare(&builder)
    return try execute(builder, inputs: inputs.map { $0?.aligned }, results: results)
  }

  /// The types the operator's rule gives, inputs known as constants.
  func inferredTypes(_ inputs: [Tensor?]) throws -> [ValueType?] {
    try inferredTypes(inputs.map { $0.map { .tensor($0.type) } }, constants: inputs)
  }

  /// The types the operator's rule gives for inputs of the given types.
  func inferredTypes(_ types: [ValueType?], constants: [Tensor?] = []) throws -> [ValueType?] {
    let constants = types.indices.map { constants.indices.contains($0) ? constants[$0] : nil }
    var inference = TypeInference(
      node: try makeNode(types), inputTypes: types, constants: constants,
      shapeValues: constants.map { $0?.integers.map { $0.map(Dimension.fixed) } },
      inferSubgraph: { _, _ in [] }, outputTypes: Array(repeating: nil, count: outputs),
      outputShapeValues: Array(repeating: nil, count: outputs))
    try OperatorRegistry.standard[op]?.infer(&inference)
    return inference.outputTypes
  }

  private func makeNode<T>(_ inputs: [T?]) throws -> Node {
    var graph = Graph()
    let ids = inputs.enumerated().map { index, input in
      input.map { _ in graph.addInput("input\(index)", nil) }
    }
    let results = (0..<outputs).map { graph.addValue("output\($0)") as Value.ID? }
    graph.addNode(op, name: "node", inputs: ids, outputs: results, attributes: attributes)
    return graph.nodes[0]
  }

  private func execute(
    _ builder: KernelBuilder, inputs: [Tensor?], results: [KernelBuilder.Operand]
  ) throws -> [Tensor] {
    let pool = threads > 1 ? csn_pool_create(Int32(threads)) : nil
    defer { if let pool { csn_pool_destroy(pool) } }
    var slots = [UnsafeMutableRawPointer?](repeating: nil, count: builder.nextSlot)
    var blocks: [UnsafeMutableRawPointer] = []
    defer { for block in blocks { block.deallocate() } }
    func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
      let block = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 64)
      // Whatever a kernel leaves unwritten shows as NaN.
      block.initializeMemory(as: UInt8.self, repeating: 0xff, count: max(byteCount, 1))
      blocks.append(block)
      return block
    }
    for (slot, tensor) in inputs.enumerated() {
      slots[slot] = (tensor?.bytes?.start).map { UnsafeMutableRawPointer(mutating: $0) }
    }
    for result in results {
      slots[result.slot] = allocate(result.elementType.byteCount(of: result.count) ?? 0)
    }
    for (slot, byteCount) in builder.scratch { slots[slot] = allocate(byteCount) }
    for (slot, bytes) in builder.constants { slots[slot] = UnsafeMutableRawPointer(mutating: bytes.start) }
    slots.withUnsafeBufferPointer { slots in
      for step in builder.steps { step.function(step.arguments.pointer, slots.baseAddress!, pool) }
    }
    return try withExtendedLifetime((inputs, builder)) {
      try results.map { result in
        let byteCount = result.elementType.byteCount(of: result.count) ?? 0
        let bytes = UnsafeRawBufferPointer(start: slots[result.slot], count: byteCount)
        return try Tensor(result.elementType, shape: result.shape, bytes: ByteRegion(copying: bytes))
      }
    }
  }
}
