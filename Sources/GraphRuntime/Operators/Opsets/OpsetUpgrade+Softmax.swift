/// Softmax and its kin before opset 13: over all axes from `axis` on, taken as one.
extension OpsetUpgrade {
  static let softmax: [String: [Change]] = [
    "Softmax": [Change(before: 13, overTrailingAxes)],
    "LogSoftmax": [Change(before: 13, overTrailingAxes)],
    "Hardmax": [Change(before: 13, overTrailingAxes)],
  ]

  private static func overTrailingAxes(_ node: inout NodeUpgrade) throws {
    let axis = try node.takeInt("axis") ?? 1
    if let shape = node.shape(0) {
      let first = try node.normalized(axis, rank: shape.count)
      // Where only one of the axes has more than one element, it alone can be named.
      if shape.dropFirst(first + 1).allSatisfy({ $0 == 1 }), first < shape.count {
        node.attributes["axis"] = .int(first)
        return
      }
    }
    let shape = node.emit("Shape", node.input(0))
    node.setInput(0, node.emit("Flatten", node.input(0), attributes: ["axis": .int(axis)]))
    node.attributes["axis"] = .int(-1)
    node.follow("Reshape", attributes: ["allowzero": .int(1)], with: shape)
  }
}
