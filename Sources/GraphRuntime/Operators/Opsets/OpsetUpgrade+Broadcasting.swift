/// Broadcasting before opset 7: asked for by `broadcast`, with the second operand's first axis laid on `axis`.
extension OpsetUpgrade {
  static let broadcasting: [String: [Change]] = {
    var table: [String: [Change]] = [
      "PRelu": [
        Change(before: 7) { node in
          // One slope for all, or one a channel.
          if node.rank(1) ?? 1 == 1 { try alignSecondOperand(of: &node, at: 1) }
        }
      ],
      "Gemm": [Change(before: 7) { $0.attributes["broadcast"] = nil }],
    ]
    for name in ["Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less"] {
      table[name] = [
        Change(before: 7) { node in
          let axis = try node.takeInt("axis")
          guard try node.takeInt("broadcast") ?? 0 != 0, let axis else { return }
          try alignSecondOperand(of: &node, at: axis)
        }
      ]
    }
    return table
  }()

  /// Gives operand 1 so many trailing axes of extent 1 that its first axis lies on `axis` of operand 0.
  private static func alignSecondOperand(of node: inout NodeUpgrade, at axis: Int) throws {
    if let rank = node.rank(0), let other = node.rank(1) {
      let trailing = rank - other - (try node.normalized(axis, rank: rank))
      guard trailing > 0 else { return }
      if let constant = node.constant(1) {
        let ones = [Int](repeating: 1, count: trailing)
        node.setInput(1, node.addConstant(try constant.reshaped(to: constant.shape + ones), "operand"))
      } else {
        let axes = node.addConstant((other..<other + trailing).map { $0 }, "axes")
        node.setInput(1, node.emit("Unsqueeze", node.input(1), axes))
      }
      return
    }
    // The ranks are known when the node runs.
    guard axis >= 0 else { return }
    let shape = node.emit("Shape", node.input(1))
    let rank = node.emit("Shape", node.emit("Shape", node.input(0)))
    let below = node.emit("Sub", rank, node.addConstant([axis], "axis"))
    let trailing = node.emit("Sub", below, node.emit("Shape", shape))
    let count = node.emit("Max", trailing, node.addConstant([0], "zero"))
    let ones = node.emit(
      "ConstantOfShape", count, attributes: ["value": .tensor(Tensor([1] as [Int64], shape: [1]))])
    let padded = node.emit("Concat", shape, ones, attributes: ["axis": .int(0)])
    node.setInput(1, node.emit("Reshape", node.input(1), padded))
  }
}
