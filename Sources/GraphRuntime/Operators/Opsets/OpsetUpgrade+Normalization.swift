/// Normalisation and dropout as they were spelled for training.
extension OpsetUpgrade {
  static let normalization: [String: [Change]] = [
    "BatchNormalization": [
      Change(before: 7) { node in
        // With `is_test` the outputs beyond the first are not made.
        if try node.takeInt("is_test") ?? 0 != 0 { node.outputs = Array(node.outputs.prefix(1)) }
      },
      Change(before: 9) { node in
        if try node.takeInt("spatial") ?? 1 == 0 { perElement(&node) }
      },
      Change(before: 14) { node in
        // Training was asked for by awaiting the running statistics.
        if node.outputs.dropFirst().contains(where: { $0 != nil }) {
          node.attributes["training_mode"] = .int(1)
        }
      },
    ],
    "Dropout": [
      Change(before: 10) { node in
        node.attributes["is_test"] = nil
        node.follow(output: 1, "CastLike", with: node.input(0))
      },
      Change(before: 12) { $0.attributes["ratio"] = nil },
    ],
    "GroupNormalization": [Change(before: 21, scalesByChannel)],
    "MeanVarianceNormalization": [Change(before: 9, axesByFlag)],
  ]

  /// Statistics for every element of an image, not for a channel: the axes behind the batch broadcast.
  private static func perElement(_ node: inout NodeUpgrade) {
    guard let epsilon = try? node.takeFloat("epsilon") ?? 1e-5 else { return }
    let centred = node.emit("Sub", node.input(0), node.input(3))
    let variance = node.emit("Add", node.input(4), node.addScalar(epsilon, like: 4, "epsilon"))
    let scaled = node.emit("Mul", node.emit("Div", centred, node.emit("Sqrt", variance)), node.input(1))
    node.outputs = Array(node.outputs.prefix(1))
    node.become("Add", scaled, node.input(2))
  }

  /// Scale and bias were one a group, and became one a channel.
  private static func scalesByChannel(_ node: inout NodeUpgrade) throws {
    guard case .int(let groups)? = node.attributes["num_groups"], groups > 0 else {
      throw node.missing("num_groups")
    }
    let channels = node.emit("Shape", node.input(0), attributes: ["start": .int(1), "end": .int(2)])
    let group = node.addConstant([groups], "num_groups")
    let shape = node.emit(
      "Concat", group, node.emit("Div", channels, group), attributes: ["axis": .int(0)])
    for index in 1...2 {
      let column = node.emit("Unsqueeze", node.input(index), node.addConstant([1], "axes"))
      let repeated = node.emit("Expand", column, shape)
      node.setInput(index, node.emit("Reshape", repeated, node.addConstant([-1], "flat")))
    }
  }

  /// The experimental form: over the image axes, and over the channels where `across_channels` says so.
  private static func axesByFlag(_ node: inout NodeUpgrade) throws {
    guard node.attributes["axes"] == nil else { return }
    let axes = try node.takeInt("across_channels") ?? 0 != 0 ? [0, 1, 2, 3] : [0, 2, 3]
    if try node.takeInt("normalize_variance") ?? 1 != 0 {
      node.attributes["axes"] = .ints(axes)
    } else {
      let mean = node.emit("ReduceMean", node.input(0), node.addConstant(axes, "axes"))
      node.become("Sub", node.input(0), mean)
    }
  }
}
