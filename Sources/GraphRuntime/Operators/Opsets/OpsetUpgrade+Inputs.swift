import ONNXParse

/// Attributes that became inputs, and defaults that changed.
extension OpsetUpgrade {
  static let inputs: [String: [Change]] = {
    var table: [String: [Change]] = [
      "ReduceSum": [Change(before: 13, axesToInput)],
      "Squeeze": [Change(before: 13, axesToInput)],
      "Unsqueeze": [
        Change(before: 13) { node in
          guard let axes = try node.takeInts("axes") else { throw node.missing("axes") }
          node.setInput(1, node.addConstant(axes, "axes"))
        }
      ],
      "Reshape": [
        Change(before: 5) { node in
          guard let shape = try node.takeInts("shape") else { throw node.missing("shape") }
          node.setInput(1, node.addConstant(shape, "shape"))
        }
      ],
      "Slice": [Change(before: 10, sliceToInputs)],
      "Split": [
        Change(before: 13) { node in
          guard let split = try node.takeInts("split") else { return }
          node.setInput(1, node.addConstant(split, "split"))
        },
        Change(before: 18) { node in
          if node.input(1) == nil { node.attributes["num_outputs"] = .int(node.outputs.count) }
        },
      ],
      "TopK": [
        Change(before: 10) { node in
          guard let k = try node.takeInt("k") else { throw node.missing("k") }
          node.setInput(1, node.addConstant([k], "k"))
        }
      ],
      "Clip": [Change(before: 11, boundsToInputs)],
      "Pad": [
        Change(before: 2) { node in
          if let pads = node.attributes.removeValue(forKey: "paddings") { node.attributes["pads"] = pads }
        },
        Change(before: 11, padsToInputs),
      ],
      "Tile": [Change(before: 6, repeatsOfOneAxis)],
      "Concat": [Change(before: 4) { $0.setDefault("axis", .int(1)) }],
      "Cast": [Change(before: 6, typeByName)],
      "DFT": [
        Change(before: 20) { node in
          let axis = try node.takeInt("axis") ?? 1
          node.setInput(2, node.addConstant(Tensor(scalar: Int64(axis)), "axis"))
        }
      ],
    ]
    for name in [
      "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
      "ReduceProd",
      "ReduceSumSquare",
    ] {
      table[name] = [Change(before: 18, axesToInput)]
    }
    return table
  }()

  /// `axes` becomes input 1; an empty list means, as an absent one, all axes.
  private static func axesToInput(_ node: inout NodeUpgrade) throws {
    guard let axes = try node.takeInts("axes"), !axes.isEmpty else { return }
    node.setInput(1, node.addConstant(axes, "axes"))
  }

  private static func sliceToInputs(_ node: inout NodeUpgrade) throws {
    guard let starts = try node.takeInts("starts") else { throw node.missing("starts") }
    guard let ends = try node.takeInts("ends") else { throw node.missing("ends") }
    node.setInput(1, node.addConstant(starts, "starts"))
    node.setInput(2, node.addConstant(ends, "ends"))
    if let axes = try node.takeInts("axes") { node.setInput(3, node.addConstant(axes, "axes")) }
  }

  private static func boundsToInputs(_ node: inout NodeUpgrade) throws {
    if let minimum = try node.takeFloat("min") { node.setInput(1, node.addScalar(minimum, like: 0, "min")) }
    if let maximum = try node.takeFloat("max") { node.setInput(2, node.addScalar(maximum, like: 0, "max")) }
  }

  private static func padsToInputs(_ node: inout NodeUpgrade) throws {
    guard let pads = try node.takeInts("pads") else { throw node.missing("pads") }
    node.setInput(1, node.addConstant(pads, "pads"))
    if let value = try node.takeFloat("value"), value != 0 {
      node.setInput(2, node.addScalar(value, like: 0, "value"))
    }
  }

  /// Tile of opset 1 repeats one axis: inputs `tiles` and `axis`, both of one element.
  private static func repeatsOfOneAxis(_ node: inout NodeUpgrade) throws {
    let one = node.addConstant([1], "one")
    let int64 = Attribute.int(Int(ElementType.int64.rawValue))
    func number(_ index: Int) -> Value.ID {
      node.emit("Reshape", node.emit("Cast", node.input(index), attributes: ["to": int64]), one)
    }
    let rank = node.emit("Shape", node.emit("Shape", node.input(0)))
    let ones = node.emit("Expand", one, rank)
    node.become("Tile", node.input(0), node.emit("ScatterElements", ones, number(2), number(1)))
  }

  /// Cast's target was a name such as `FLOAT`.
  private static func typeByName(_ node: inout NodeUpgrade) throws {
    guard case .string(let name)? = node.attributes["to"] else { return }
    let spelling = name.lowercased()
    guard let type = ElementType.allCases.first(where: { $0.description == spelling }) else {
      throw GraphError(.invalidAttribute, "attribute 'to' names the type '\(name)', which is unknown")
    }
    node.attributes["to"] = .int(Int(type.rawValue))
  }
}
