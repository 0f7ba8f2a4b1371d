import GraphRuntime
import ONNXParse

/// Computes values that depend on nothing but constants: weights that reach their layer through Transpose, Reshape,
/// Cast, Identity or dequantisation.
///
/// Every value is computed once at most: a few nodes that read one another many times would ask for it times without number.
final class ConstantResolver {
  private let graph: Graph
  private let makers: [Value.ID: Node]
  /// How many nodes stand between initializers and the values that depend on nothing else.
  private let heights: [Value.ID: Int]
  private var computed: [Value.ID: Tensor?] = [:]

  /// Longer chains than any exporter writes.
  private static let maximumHeight = 8

  init(_ graph: Graph) {
    self.graph = graph
    var makers: [Value.ID: Node] = [:]
    var heights = graph.initializers.mapValues { _ in 0 }
    for node in graph.nodes {
      for case let output? in node.outputs { makers[output] = node }
      guard node.attributes.values.allSatisfy(\.subgraphs.isEmpty) else { continue }
      let inputs = node.inputs.compactMap(\.self).map { heights[$0] }
      guard inputs.allSatisfy({ $0 != nil }) else { continue }
      let height = 1 + (inputs.compactMap(\.self).max() ?? 0)
      for case let output? in node.outputs { heights[output] = height }
    }
    self.makers = makers
    self.heights = heights
  }

  /// The node that makes a value.
  func maker(of id: Value.ID) -> Node? { makers[id] }

  /// The constant a value holds; nil where it depends on an input.
  func tensor(_ id: Value.ID?) -> Tensor? {
    guard let id else { return nil }
    if let tensor = graph.initializers[id] { return tensor }
    if let known = computed[id] { return known }
    guard let node = makers[id], let height = heights[id], height <= Self.maximumHeight else { return nil }
    let tensor = result(id, of: node)
    computed[id] = .some(tensor)
    return tensor
  }

  private func result(_ id: Value.ID, of node: Node) -> Tensor? {
    var inputs: [RuntimeValue?] = []
    for input in node.inputs {
      guard let input else {
        inputs.append(nil)
        continue
      }
      guard let tensor = tensor(input) else { return nil }
      inputs.append(.tensor(tensor))
    }
    guard let position = node.outputs.firstIndex(of: id),
      let results = try? Interpreter.evaluate(node: node, inputs: inputs), results.indices.contains(position)
    else { return nil }
    return results[position]?.tensor
  }

  /// The elements of a constant of floating-point numbers, in double precision.
  func floats(_ id: Value.ID?) -> (shape: [Int], elements: [Double])? {
    guard let tensor = tensor(id), let elements = tensor.doubles else { return nil }
    return (tensor.shape, elements)
  }
}

extension Tensor {
  /// The elements of a floating-point tensor in double precision; nil for other types.
  var doubles: [Double]? {
    switch elementType {
    case .float32: elements(Float.self).map(Double.init)
    case .float64: elements(Double.self)
    case .float16: elements(Float16.self).map(Double.init)
    case .bfloat16: bytes.map { Self.bfloat16s($0) }
    default: nil
    }
  }

  private static func bfloat16s(_ region: ByteRegion) -> [Double] {
    region.withUnsafeBytes { bytes in
      (0..<bytes.count / 2).map {
        Double(Float(bitPattern: UInt32(bytes.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)) << 16))
      }
    }
  }

  /// A float tensor of elements computed in double precision.
  init(rounding elements: [Double], shape: [Int]) { self.init(elements.map(Float.init), shape: shape) }
}
