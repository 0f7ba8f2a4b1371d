import ONNXParse

/// Losses over classes: input [N, C, d...], target [N, d...], weight [C].
extension FunctionExpansion {
  static func negativeLogLikelihood(_ node: inout NodeUpgrade) throws -> Bool {
    try lose(&node, logProbabilities: node.input(0))
    return true
  }

  static func softmaxCrossEntropy(_ node: inout NodeUpgrade) throws -> Bool {
    let logarithms = node.emit("LogSoftmax", node.input(0), attributes: ["axis": .int(1)])
    try lose(&node, logProbabilities: logarithms)
    node.make(1, "Identity", logarithms)
    return true
  }

  /// Makes output 0 from the log-probability of each target, weighted and reduced as the attributes say.
  private static func lose(_ node: inout NodeUpgrade, logProbabilities: Value.ID?) throws {
    let reduction = try node.takeString("reduction") ?? "mean"
    let int64 = Attribute.int(Int(ElementType.int64.rawValue))
    var target = node.emit("Cast", node.input(1), attributes: ["to": int64])
    let nothing = node.addScalar(0, like: 0, "nothing")
    var ignored: Value.ID?
    if let index = try node.takeInt("ignore_index") {
      let mask = node.emit("Equal", target, node.addConstant(Tensor(scalar: Int64(index)), "ignore_index"))
      target = node.emit("Where", mask, zero(node), target)
      ignored = mask
    }
    let axis = node.addConstant([1], "class_axis")
    let column = node.emit("Unsqueeze", target, axis)
    let chosen = node.emit("GatherElements", logProbabilities, column, attributes: ["axis": .int(1)])
    var loss = node.emit("Neg", node.emit("Squeeze", chosen, axis))
    var weights = node.input(2).map { node.emit("Gather", $0, target) }
    if let ignored {
      weights = node.emit("Where", ignored, nothing, weights ?? node.addScalar(1, like: 0, "whole"))
    }
    if let weights { loss = node.emit("Mul", loss, weights) }
    let flat: [String: Attribute] = ["keepdims": .int(0)]
    switch (reduction, weights) {
    case ("none", _): node.make(0, "Identity", loss)
    case ("sum", _): node.make(0, "ReduceSum", loss, attributes: flat)
    case ("mean", let weights?):
      // The weights of the ignored and the chosen classes, as many as there are targets.
      let spread = node.emit("Add", weights, node.emit("Mul", loss, nothing))
      let total = node.emit("ReduceSum", spread, attributes: flat)
      node.make(0, "Div", node.emit("ReduceSum", loss, attributes: flat), total)
    case ("mean", nil): node.make(0, "ReduceMean", loss, attributes: flat)
    default: throw GraphError(.invalidAttribute, "attribute 'reduction' is '\(reduction)'")
    }
  }
}
