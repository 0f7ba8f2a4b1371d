import ONNXParse

/// Operators that carry a state from one position to the next.
extension FunctionExpansion {
  /// CausalConvWithState: a depthwise convolution over [batch, channel, position] that sees only what came before.
  static func causalConvolution(_ node: inout NodeUpgrade) throws -> Bool {
    guard let shape = node.shape(1), shape.count == 3, let channels = shape[0].value,
      let extent = shape[2].value,
      extent > 0
    else { return false }
    let activation = try node.takeString("activation") ?? "none"
    let axis = node.addConstant([2], "positions")
    let padded: Value.ID
    if let past = node.input(3) {
      padded = node.emit("Concat", past, node.input(0), attributes: ["axis": .int(2)])
    } else {
      padded = node.emit("Pad", node.input(0), node.addConstant([extent - 1, 0], "pads"), nil, axis)
    }
    let convolution: [String: Attribute] = ["group": .int(channels), "kernel_shape": .ints([extent])]
    switch activation {
    case "none": node.make(0, "Conv", padded, node.input(1), node.input(2), attributes: convolution)
    case "silu", "swish":
      let sum = node.emit("Conv", padded, node.input(1), node.input(2), attributes: convolution)
      node.make(0, "Mul", sum, node.emit("Sigmoid", sum))
    default: throw GraphError(.invalidAttribute, "attribute 'activation' is '\(activation)'")
    }
    let length = node.emit("Shape", padded, attributes: ["start": .int(2), "end": .int(3)])
    let start = node.emit("Sub", length, node.addConstant([extent - 1], "kept"))
    node.make(1, "Slice", padded, start, length, axis)
    return true
  }

  /// LinearAttention: a Scan over the positions whose state is a matrix for each head (ONNX LinearAttention-27).
  static func linearAttention(_ node: inout NodeUpgrade) throws -> Bool {
    guard let queryHeads = try node.takeInt("q_num_heads") else { throw node.missing("q_num_heads") }
    guard let heads = try node.takeInt("kv_num_heads") else { throw node.missing("kv_num_heads") }
    guard heads > 0, queryHeads > 0, queryHeads % heads == 0 else {
      throw GraphError(.invalidAttribute, "\(queryHeads) query heads can't share \(heads) key heads")
    }
    let rule = try node.takeString("update_rule") ?? "gated_delta"
    guard ["linear", "gated", "delta", "gated_delta"].contains(rule) else {
      throw GraphError(.invalidAttribute, "attribute 'update_rule' is '\(rule)'")
    }
    let scale = try node.takeFloat("scale") ?? 0
    let float = Attribute.int(Int(ElementType.float32.rawValue))
    func extent(_ axis: Int, of index: Int, over divisor: Int) -> Value.ID {
      let extent = node.emit(
        "Shape", node.input(index), attributes: ["start": .int(axis), "end": .int(axis + 1)])
      return divisor == 1 ? extent : node.emit("Div", extent, node.addConstant([divisor], "heads"))
    }
    let state: Value.ID
    if let past = node.input(3) {
      state = node.emit("Cast", past, attributes: ["to": float])
    } else {
      let shape = node.emit(
        "Concat", extent(0, of: 0, over: 1), node.addConstant([heads], "heads"),
        extent(2, of: 0, over: queryHeads),
        extent(2, of: 2, over: heads), attributes: ["axis": .int(0)])
      state = node.emit("ConstantOfShape", shape)
    }
    let sequences = [0, 1, 2, 4, 5].filter { node.input($0) != nil }
    let scanned = sequences.map { node.emit("Cast", node.input($0), attributes: ["to": float]) }
    let step = attentionStep(
      heads: heads, sharing: queryHeads / heads, decays: rule.hasPrefix("gated") && node.input(4) != nil,
      corrects: rule.hasSuffix("delta") && node.input(5) != nil, sequences: sequences)
    let axes = Attribute.ints(sequences.map { _ in 1 })
    let results = node.emit(
      "Scan", [state] + scanned, count: 2,
      attributes: [
        "body": .graph(Subgraph(graph: step, captures: [])), "num_scan_inputs": .int(sequences.count),
        "scan_input_axes": axes, "scan_output_axes": .ints([1]),
      ])
    let factor: Value.ID
    if scale != 0 {
      factor = node.addConstant(Tensor(scalar: scale), "scale")
    } else {
      let features = node.emit("Cast", extent(2, of: 0, over: queryHeads), attributes: ["to": float])
      factor = node.emit("Reciprocal", node.emit("Sqrt", features))
    }
    node.make(0, "CastLike", node.emit("Mul", results[1], factor), node.input(0))
    node.make(1, "CastLike", results[0], node.input(3) ?? node.input(0))
    return true
  }

  /// One position: the state [batch, head, key, value] decays, is corrected, takes the position in, and is read.
  private static func attentionStep(
    heads: Int, sharing: Int, decays: Bool, corrects: Bool, sequences: [Int]
  ) -> Graph {
    var graph = Graph(name: "step")
    var state = graph.addInput("state", nil)
    var items: [Int: Value.ID] = [:]
    for sequence in sequences { items[sequence] = graph.addInput("item\(sequence)", nil) }
    func reshaped(_ sequence: Int, _ shape: [Int]) -> Value.ID {
      let target = graph.addInitializer("shape", Tensor(shape.map(Int64.init), shape: [shape.count]))
      return graph.add("Reshape", items[sequence], target)
    }
    let key = reshaped(1, [0, heads, -1, 1])
    var value = reshaped(2, [0, heads, 1, -1])
    if decays {
      state = graph.add("Mul", state, graph.add("Exp", reshaped(4, [0, heads, -1, 1])))
    }
    if corrects {
      let row = graph.add("Transpose", key, attributes: ["perm": .ints([0, 1, 3, 2])])
      let error = graph.add("Sub", value, graph.add("MatMul", row, state))
      value = graph.add("Mul", error, reshaped(5, [0, -1, 1, 1]))
    }
    state = graph.add("Add", state, graph.add("MatMul", key, value))
    let read = graph.add("MatMul", reshaped(0, [0, heads, sharing, -1]), state)
    let flat = graph.addInitializer("flat", Tensor([0, -1] as [Int64], shape: [2]))
    graph.addOutput(state)
    graph.addOutput(graph.add("Reshape", read, flat))
    return graph
  }
}
