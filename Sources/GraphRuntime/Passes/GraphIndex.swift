/// A graph's links looked up fast: what passes match their patterns with.
struct GraphIndex {
  let graph: Graph
  private let producerIndex: [Value.ID: Int]
  private let consumerIndices: [Value.ID: [Int]]
  private let outputs: Set<Value.ID>

  init(_ graph: Graph) {
    self.graph = graph
    var producers: [Value.ID: Int] = [:]
    var consumers: [Value.ID: [Int]] = [:]
    for (index, node) in graph.nodes.enumerated() {
      for case let output? in node.outputs { producers[output] = index }
      for input in Set(node.reads) { consumers[input, default: []].append(index) }
    }
    producerIndex = producers
    consumerIndices = consumers
    outputs = Set(graph.outputs)
  }

  /// The node that makes `value`; nil for inputs and constants.
  func producer(of value: Value.ID?) -> Node? { value.flatMap { producerIndex[$0] }.map { graph.nodes[$0] } }

  /// Whether anything reads `value`, graph outputs included.
  func isUsed(_ value: Value.ID) -> Bool { consumerIndices[value] != nil || outputs.contains(value) }

  /// The only reader of `value`, and that at one input of its own; nil where it is a graph output or has more readers.
  func soleConsumer(of value: Value.ID) -> Node? {
    guard !outputs.contains(value), let consumers = consumerIndices[value], consumers.count == 1 else {
      return nil
    }
    let node = graph.nodes[consumers[0]]
    return node.reads.filter { $0 == value }.count == 1 ? node : nil
  }

  /// Whether readers of `old` may read `new` instead: not where a graph output would have to be an input, a constant,
  /// or a value that is an output already.
  func canReplace(_ old: Value.ID, with new: Value.ID) -> Bool {
    guard outputs.contains(old) else { return true }
    return producerIndex[new] != nil && !outputs.contains(new)
  }

  /// The elements of a constant input.
  func constant(_ value: Value.ID?) -> Tensor? { value.flatMap { graph.initializers[$0] } }

  /// The type of a tensor value.
  func tensorType(_ value: Value.ID?) -> TensorType? { value.flatMap { graph.values[$0]?.type?.tensor } }

  /// Whether two values are known to have the same type, every extent included.
  func haveSameType(_ a: Value.ID?, _ b: Value.ID?) -> Bool {
    guard let x = tensorType(a), let y = tensorType(b), let shape = x.shape else { return false }
    return x == y && !shape.contains(.unknown)
  }
}
