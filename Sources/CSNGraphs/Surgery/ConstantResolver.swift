import GraphRuntime
import ONNXParse

/// Computes values that depend on nothing but constants: weights that reach their layer through Transpose, Reshape,
/// Cast, Identity or dequantisation.
struct ConstantResolver {
  private let graph: Graph
  private let makers: [Value.ID: Node]

  /// Longer chains than any exporter writes; short enough that a network of them can't take for ever.
  private static let maximumDepth = 8

  init(_ graph: Graph) {
    self.graph = graph
    var makers: [Value.ID: Node] = [:]
    for node in graph.nodes { for case let output? in node.outputs { makers[output] = node } }
    self.makers = makers
  }

  /// The node that makes a value.
  func maker(of id: Value.ID) -> Node? { makers[id] }

  /// The constant a value holds; nil where it depends on an input.
  func tensor(_ id: Value.ID?, depth: Int = 0) -> Tensor? {
    guard let id else { return nil }
    if let tensor = graph.initializers[id] { return tensor }
    guard depth < Self.maximumDepth, let node = makers[id],
      node.attributes.values.allSatisfy(\.subgraphs.isEmpty)
    else { return nil }
    var inputs: [RuntimeValue?] = []
    for input in node.inputs {
      guard let input else {
        inputs.append(nil)
        continue
      }
      guard let tensor = tensor(input, depth: depth + 1) else { return nil }
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
