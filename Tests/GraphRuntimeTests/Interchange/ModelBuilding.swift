import GraphRuntime
import ONNXParse

/// Short ways to write models down in tests.
extension Model {
  static func test(
    opset: Int = 28, nodes: [NodeProto], inputs: [ValueInfoProto] = [], outputs: [ValueInfoProto] = [],
    initializers: [TensorProto] = [], functions: [FunctionProto] = [], domains: [String: Int] = [:]
  ) -> Model {
    Model(
      irVersion: 10,
      opsetImports: [OperatorSetID(version: Int64(opset))]
        + domains.map { OperatorSetID(domain: $0.key, version: Int64($0.value)) },
      graph: GraphProto(
        name: "g", nodes: nodes, initializers: initializers, inputs: inputs, outputs: outputs),
      functions: functions)
  }
}

extension ValueInfoProto {
  static func float(_ name: String, _ shape: [Int]) -> ValueInfoProto {
    ValueInfoProto(
      name: name, type: .tensor(.float32, TensorShapeProto(shape.map { .init(.value(Int64($0))) })))
  }

  static func unshaped(_ name: String, _ type: ElementType = .float32) -> ValueInfoProto {
    ValueInfoProto(name: name, type: .tensor(type, nil))
  }
}

extension NodeProto {
  static func op(
    _ type: String, _ inputs: [String], _ outputs: [String], name: String = "", domain: String = "",
    _ attributes: [String: AttributeProto.Value] = [:]
  ) -> NodeProto {
    NodeProto(
      opType: type, inputs: inputs, outputs: outputs, name: name, domain: domain,
      attributes: attributes.sorted { $0.key < $1.key }.map { AttributeProto($0.key, $0.value) })
  }
}

extension TensorProto {
  static func floats(_ name: String, _ values: [Float], _ dims: [Int]) -> TensorProto {
    TensorProto(Tensor(values, shape: dims), name: name)
  }

  static func ints(_ name: String, _ values: [Int64]) -> TensorProto {
    TensorProto(Tensor(values, shape: [values.count]), name: name)
  }
}

extension Graph {
  /// The one node of an operator.
  func only(_ op: OperatorName) -> Node? {
    let found = nodes.filter { $0.op == op }
    return found.count == 1 ? found[0] : nil
  }

  /// The integers of a constant input of a node.
  func constantInts(_ node: Node?, _ index: Int) -> [Int]? {
    node?.input(index).flatMap { initializers[$0]?.integers }
  }
}
