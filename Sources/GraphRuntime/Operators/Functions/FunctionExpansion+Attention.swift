import ONNXParse

/// Attention: scaled dot products of queries and keys, masked, softmax, times values (ONNX Attention-25).
extension FunctionExpansion {
  static func attention(_ node: inout NodeUpgrade) throws -> Bool {
    guard let rank = node.rank(0), rank == 3 || rank == 4 else { return false }
    guard let settings = try AttentionSettings(&node, rank: rank) else { return false }
    let query = settings.split(node.input(0), heads: settings.queryHeads, node)
    var key = settings.split(node.input(1), heads: settings.keyHeads, node)
    var value = settings.split(node.input(2), heads: settings.keyHeads, node)
    if let past = node.input(4) { key = node.emit("Concat", past, key, attributes: ["axis": .int(2)]) }
    if let past = node.input(5) { value = node.emit("Concat", past, value, attributes: ["axis": .int(2)]) }
    node.make(1, "Identity", key)
    node.make(2, "Identity", value)

    let bias = settings.bias(query: query, key: key, node)
    let scale = settings.rootOfScale(query: query, node)
    let keys = node.emit(
      "Transpose", settings.repeated(key, query: query, node), attributes: ["perm": .ints([0, 1, 3, 2])])
    let raw = node.emit("MatMul", node.emit("Mul", query, scale), node.emit("Mul", keys, scale))
    var capped = raw
    if settings.softcap > 0 {
      let cap = node.addScalar(settings.softcap, like: 0, "softcap")
      capped = node.emit("Mul", node.emit("Tanh", node.emit("Div", raw, cap)), cap)
    }
    let scores = bias.map { node.emit("Add", capped, $0) } ?? capped
    let weights = settings.softmax(scores, bias: bias, node)
    let shown = [raw, capped, scores, weights]
    guard shown.indices.contains(settings.shownProduct) else {
      throw GraphError(.invalidAttribute, "attribute 'qk_matmul_output_mode' is \(settings.shownProduct)")
    }
    node.make(3, "Identity", shown[settings.shownProduct])
    let values = settings.repeated(value, query: query, node)
    if rank == 4 {
      node.make(0, "MatMul", weights, values)
    } else {
      let heads = node.emit(
        "Transpose", node.emit("MatMul", weights, values), attributes: ["perm": .ints([0, 2, 1, 3])])
      node.make(0, "Reshape", heads, node.addConstant([0, 0, -1], "joined"))
    }
    return true
  }
}

/// The attributes of an Attention node, and the parts of its definition that depend on them.
private struct AttentionSettings {
  let rank: Int
  /// nil where the shapes tell.
  let queryHeads: Int?
  let keyHeads: Int?
  let scale: Float?
  let softcap: Float
  let isCausal: Bool
  let leftWindow: Int
  let rightWindow: Int
  let precision: Int?
  /// Which stage output 3 shows.
  let shownProduct: Int
  /// How many query heads share a key head; nil where it is known when the node runs.
  let sharing: Int?

  /// nil where a head count is not known that must be.
  init?(_ node: inout NodeUpgrade, rank: Int) throws {
    self.rank = rank
    queryHeads = try node.takeInt("q_num_heads")
    keyHeads = try node.takeInt("kv_num_heads")
    if rank == 3 {
      guard let queryHeads, queryHeads > 0 else { throw node.missing("q_num_heads") }
      guard let keyHeads, keyHeads > 0 else { throw node.missing("kv_num_heads") }
    }
    scale = try node.takeFloat("scale")
    softcap = try node.takeFloat("softcap") ?? 0
    isCausal = try node.takeInt("is_causal") ?? 0 != 0
    leftWindow = try node.takeInt("left_window_size") ?? -1
    rightWindow = try node.takeInt("right_window_size") ?? -1
    precision = try node.takeInt("softmax_precision")
    shownProduct = try node.takeInt("qk_matmul_output_mode") ?? 0
    let heads = rank == 3 ? (queryHeads, keyHeads) : (node.shape(0)?[1].value, node.shape(1)?[safe: 1]?.value)
    if let query = heads.0, let key = heads.1 {
      guard key > 0, query % key == 0 else {
        throw GraphError(.shapeMismatch, "\(query) query heads can't share \(key) key heads")
      }
      sharing = query / key
    } else {
      sharing = nil
    }
  }

  /// [batch, head, position, feature] from that, or from [batch, position, head·feature].
  func split(_ value: Value.ID?, heads: Int?, _ node: NodeUpgrade) -> Value.ID {
    guard rank == 3 else { return node.emit("Identity", value) }
    let split = node.emit("Reshape", value, node.addConstant([0, 0, heads ?? 1, -1], "heads"))
    return node.emit("Transpose", split, attributes: ["perm": .ints([0, 2, 1, 3])])
  }

  /// Keys or values once for every query head: each head repeated in its place.
  func repeated(_ value: Value.ID, query: Value.ID, _ node: NodeUpgrade) -> Value.ID {
    if sharing == 1 { return value }
    let times: Value.ID
    if let sharing {
      times = node.addConstant([sharing], "sharing")
    } else {
      times = node.emit("Div", extent(1, of: query, node), extent(1, of: value, node))
    }
    let one = node.addConstant([1], "one")
    let shape = node.emit("Concat", one, one, times, one, one, attributes: ["axis": .int(0)])
    let copies = node.emit("Expand", node.emit("Unsqueeze", value, node.addConstant([2], "axis")), shape)
    let tail = node.emit("Shape", value, attributes: ["start": .int(2), "end": .int(4)])
    let joined = node.emit("Concat", node.addConstant([0, -1], "head"), tail, attributes: ["axis": .int(0)])
    return node.emit("Reshape", copies, joined)
  }

  /// The square root of the scale, for queries and keys each.
  func rootOfScale(query: Value.ID, _ node: NodeUpgrade) -> Value.ID {
    if let scale { return node.addScalar(scale.squareRoot(), like: 0, "scale") }
    let features = node.emit("CastLike", extent(3, of: query, node), node.input(0))
    return node.emit("Reciprocal", node.emit("Sqrt", node.emit("Sqrt", features)))
  }

  /// Softmax in the asked precision; rows that may look at nothing are zero.
  func softmax(_ scores: Value.ID, bias: Value.ID?, _ node: NodeUpgrade) -> Value.ID {
    var weights = scores
    if let precision { weights = node.emit("Cast", weights, attributes: ["to": .int(precision)]) }
    weights = node.emit("Softmax", weights, attributes: ["axis": .int(-1)])
    if precision != nil { weights = node.emit("CastLike", weights, node.input(0)) }
    guard let bias else { return weights }
    let highest = node.emit("ReduceMax", bias, node.addConstant([-1], "keys"))
    let blind = node.emit("Equal", highest, node.addScalar(-.infinity, like: 0, "masked"))
    return node.emit("Where", blind, node.addScalar(0, like: 0, "nothing"), weights)
  }

  /// What is added to the products: the mask, and minus infinity where a query must not look; nil for nothing.
  func bias(query: Value.ID, key: Value.ID, _ node: NodeUpgrade) -> Value.ID? {
    var bias = mask(key: key, node)
    func forbid(unless allowed: Value.ID) {
      let part = node.emit(
        "Where", allowed, node.addScalar(0, like: 0, "open"), node.addScalar(-.infinity, like: 0, "masked"))
      bias = bias.map { node.emit("Add", $0, part) } ?? part
    }
    let keys = positions(extent(2, of: key, node), shape: [1, -1], node)
    if isCausal || leftWindow >= 0 || rightWindow >= 0 {
      let first = offset(query: query, node)
      let queries = positions(extent(2, of: query, node), shape: [-1, 1], node)
      let position = first.map { node.emit("Add", queries, $0) } ?? queries
      if isCausal { forbid(unless: node.emit("LessOrEqual", keys, position)) }
      let ahead = node.emit("Sub", keys, position)
      if leftWindow >= 0 {
        forbid(unless: node.emit("GreaterOrEqual", ahead, node.addConstant([-leftWindow], "left")))
      }
      if rightWindow >= 0 {
        forbid(unless: node.emit("LessOrEqual", ahead, node.addConstant([rightWindow], "right")))
      }
    }
    if let lengths = node.input(6) {
      let shape = node.addConstant([-1, 1, 1, 1], "batch")
      forbid(unless: node.emit("Less", keys, node.emit("Reshape", lengths, shape)))
    }
    return bias
  }

  /// The given mask as numbers to add, as wide as there are keys.
  private func mask(key: Value.ID, _ node: NodeUpgrade) -> Value.ID? {
    guard let given = node.input(3) else { return nil }
    var mask = given
    let masked = node.addScalar(-.infinity, like: 0, "masked")
    if node.elementType(3) == .bool {
      mask = node.emit("Where", mask, node.addScalar(0, like: 0, "open"), masked)
    }
    let width = node.emit("Shape", given, attributes: ["start": .int(-1)])
    let missing = node.emit("Sub", extent(2, of: key, node), width)
    let pads = node.emit("Concat", node.addConstant([0], "zero"), missing, attributes: ["axis": .int(0)])
    return node.emit("Pad", mask, pads, masked, node.addConstant([-1], "last"))
  }

  /// How many keys stand before the first query; nil for none.
  private func offset(query: Value.ID, _ node: NodeUpgrade) -> Value.ID? {
    if let past = node.input(4) { return extent(2, of: past, node) }
    guard let lengths = node.input(6) else { return nil }
    let shorter = node.emit("Sub", lengths, extent(2, of: query, node))
    return node.emit("Reshape", shorter, node.addConstant([-1, 1, 1, 1], "batch"))
  }

  /// 0, 1, 2... under a shape.
  private func positions(_ count: Value.ID, shape: [Int], _ node: NodeUpgrade) -> Value.ID {
    let scalar = node.emit("Squeeze", count)
    let range = node.emit("Range", FunctionExpansion.zero(node), scalar, FunctionExpansion.one(node))
    return node.emit("Reshape", range, node.addConstant(shape, "shape"))
  }

  /// The extent of an axis, [1].
  private func extent(_ axis: Int, of value: Value.ID, _ node: NodeUpgrade) -> Value.ID {
    node.emit("Shape", value, attributes: ["start": .int(axis), "end": .int(axis + 1)])
  }
}
