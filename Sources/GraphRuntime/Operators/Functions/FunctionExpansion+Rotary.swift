/// RotaryEmbedding: pairs of features turned by an angle that depends on the position.
extension FunctionExpansion {
  static func rotaryEmbedding(_ node: inout NodeUpgrade) throws -> Bool {
    guard let rank = node.rank(0), rank == 3 || rank == 4 else { return false }
    let isInterleaved = try node.takeInt("interleaved") ?? 0 != 0
    let turnedExtent = try node.takeInt("rotary_embedding_dim") ?? 0
    let heads = try node.takeInt("num_heads") ?? 0
    let last = node.addConstant([3], "features")
    // [batch, position, head, feature]
    let x: Value.ID
    if rank == 4 {
      x = node.emit("Transpose", node.input(0), attributes: ["perm": .ints([0, 2, 1, 3])])
    } else {
      guard heads > 0 else { throw node.missing("num_heads") }
      x = node.emit("Reshape", node.input(0), node.addConstant([0, 0, heads, -1], "heads"))
    }
    func features(from start: Int, to end: Int, of value: Value.ID, by step: Int = 1) -> Value.ID {
      node.emit(
        "Slice", value, node.addConstant([start], "from"), node.addConstant([end], "to"), last,
        node.addConstant([step], "step"))
    }
    func cache(_ index: Int) -> Value.ID {
      let rows = node.input(3).map { node.emit("Gather", node.input(index), $0) } ?? node.input(index)
      return node.emit("Unsqueeze", rows, node.addConstant([2], "head"))
    }
    let turned = turnedExtent > 0 ? features(from: 0, to: turnedExtent, of: x) : x
    let (cosine, sine) = (cache(1), cache(2))
    let first: Value.ID
    let second: Value.ID
    if isInterleaved {
      (first, second) = (
        features(from: 0, to: .max, of: turned, by: 2), features(from: 1, to: .max, of: turned, by: 2)
      )
    } else {
      let halves = node.emit(
        "Split", [turned], count: 2, attributes: ["axis": .int(3), "num_outputs": .int(2)])
      (first, second) = (halves[0], halves[1])
    }
    let real = node.emit("Sub", node.emit("Mul", cosine, first), node.emit("Mul", sine, second))
    let imaginary = node.emit("Add", node.emit("Mul", sine, first), node.emit("Mul", cosine, second))
    var result: Value.ID
    if isInterleaved {
      let pair = node.addConstant([4], "pair")
      let pairs = node.emit(
        "Concat", node.emit("Unsqueeze", real, pair), node.emit("Unsqueeze", imaginary, pair),
        attributes: ["axis": .int(4)])
      result = node.emit("Reshape", pairs, node.addConstant([0, 0, 0, -1], "flat"))
    } else {
      result = node.emit("Concat", real, imaginary, attributes: ["axis": .int(3)])
    }
    if turnedExtent > 0 {
      let rest = features(from: turnedExtent, to: .max, of: x)
      result = node.emit("Concat", result, rest, attributes: ["axis": .int(3)])
    }
    if rank == 4 {
      node.make(0, "Transpose", result, attributes: ["perm": .ints([0, 2, 1, 3])])
    } else {
      node.make(0, "Reshape", result, node.emit("Shape", node.input(0)))
    }
    return true
  }
}
