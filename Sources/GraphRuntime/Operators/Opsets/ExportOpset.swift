import ONNXParse

/// Which opset a graph can be written in, so that each of its nodes means there what it means here.
enum ExportOpset {
  /// The lowest opset written: from here on all older operators are spelled as they are today, save what the tables
  /// below name, and every runtime in use reads it.
  private static let base = 18

  /// Operators that came, or were last respelled, after `base`.
  private static let operators: [String: Int] = [
    "DeformConv": 19, "AffineGrid": 20, "DFT": 20, "Gelu": 20, "GridSample": 20, "ImageDecoder": 20,
    "RegexFullMatch": 20, "StringConcat": 20, "StringSplit": 20, "GroupNormalization": 21,
    "RMSNormalization": 23,
    "RotaryEmbedding": 23, "Attention": 23, "Swish": 24, "TensorScatter": 24, "BitCast": 26, "CumProd": 26,
    "CausalConvWithState": 27, "LinearAttention": 27, "SwiGLU": 28,
  ]

  /// Attributes that came after `base`.
  private static let attributes: [String: [String: Int]] = [
    "Attention": ["left_window_size": 25, "right_window_size": 25],
    "AveragePool": ["dilations": 19],
    "Cast": ["saturate": 19, "round_mode": 24],
    "CastLike": ["saturate": 19, "round_mode": 24],
    "DequantizeLinear": ["block_size": 21, "output_dtype": 23],
    "QuantizeLinear": ["saturate": 19, "block_size": 21, "output_dtype": 21, "precision": 23],
    "Range": ["stash_type": 27],
    "SpaceToDepth": ["mode": 28],
  ]

  /// Element types that came, or that common operators took in, after `base`.
  private static let elementTypes: [ElementType: Int] = [
    .float8e4m3fn: 19, .float8e4m3fnuz: 19, .float8e5m2: 19, .float8e5m2fnuz: 19, .int4: 21, .uint4: 21,
    .bfloat16: 22, .float4e2m1: 23, .float8e8m0: 24, .int2: 25, .uint2: 25, .float6e2m3: 28, .float6e3m2: 28,
  ]

  /// The lowest opset that gives every node of the graph and its subgraphs its meaning.
  static func needed(by graph: Graph) -> Int {
    var opset = base
    for type in graph.values.values.compactMap({ $0.type?.tensor?.elementType }) {
      opset = max(opset, elementTypes[type] ?? base)
    }
    for node in graph.nodes {
      if node.op.domain.isEmpty {
        opset = max(opset, operators[node.op.type] ?? base, nodeSpecific(node))
        for name in node.attributes.keys { opset = max(opset, attributes[node.op.type]?[name] ?? base) }
      }
      for subgraph in node.attributes.values.flatMap(\.subgraphs) {
        opset = max(opset, needed(by: subgraph.graph))
      }
    }
    return opset
  }

  /// What depends on an attribute's value or on how many inputs there are.
  private static func nodeSpecific(_ node: Node) -> Int {
    switch node.op.type {
    case "Pad": node.attributes["mode"]?.string == "wrap" ? 19 : base
    case "Resize":
      node.attributes["coordinate_transformation_mode"]?.string == "half_pixel_symmetric" ? 19 : base
    case "Attention": node.input(6) != nil ? 24 : base
    default: base
    }
  }

  /// The IR version that came with an opset.
  static func irVersion(of opset: Int) -> Int64 {
    switch opset {
    case ...18: 8
    case ...20: 9
    case ...22: 10
    case 23: 11
    case 24: 12
    case ...27: 13
    default: 14
    }
  }
}
