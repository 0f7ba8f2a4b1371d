/// Upsample, and Resize before its coordinate modes had names.
extension OpsetUpgrade {
  static let resizing: [String: [Change]] = [
    "Upsample": [
      Change(before: 7) { node in
        guard node.attributes["scales"] == nil else { return }
        guard let height = try node.takeFloat("height_scale") else { throw node.missing("height_scale") }
        guard let width = try node.takeFloat("width_scale") else { throw node.missing("width_scale") }
        node.attributes["scales"] = .floats([1, 1, height, width])
      },
      Change(before: 9) { node in
        guard let scales = try node.takeFloats("scales") else { throw node.missing("scales") }
        node.setInput(1, node.addConstant(Tensor(scales, shape: [scales.count]), "scales"))
      },
      Change(always: { node in
        resize(&node, node.input(0), scales: node.input(1), mode: try takeMode(&node), rounding: "floor")
      }),
    ],
    "Resize": [
      Change(before: 11) { node in
        let mode = try takeMode(&node)
        let scales = node.constant(1).flatMap { $0.elementType == .float32 ? $0.elements(Float.self) : nil }
        if mode != "nearest" || scales?.allSatisfy({ $0 >= 1 }) == true {
          resize(&node, node.input(0), scales: node.input(1), mode: mode, rounding: "floor")
        } else if scales?.allSatisfy({ $0 <= 1 }) == true {
          resize(&node, node.input(0), scales: node.input(1), mode: mode, rounding: "ceil")
        } else {
          // An axis that shrinks rounds up, one that grows rounds down: first the one, then the other.
          let one = node.addConstant(Tensor(scalar: 1 as Float), "one")
          let shrinking = node.emit("Min", node.input(1), one)
          let shrunk = node.emit(
            "Resize", node.input(0), nil, shrinking, attributes: attributes(mode: mode, rounding: "ceil"))
          resize(&node, shrunk, scales: node.emit("Max", node.input(1), one), mode: mode, rounding: "floor")
        }
      }
    ],
    "GridSample": [
      Change(before: 20) { node in
        switch try node.takeString("mode") {
        case "bicubic": node.attributes["mode"] = .string("cubic")
        case "bilinear", nil: node.attributes["mode"] = .string("linear")
        case let mode?: node.attributes["mode"] = .string(mode)
        }
      }
    ],
  ]

  /// The interpolation's name as it is spelled today.
  private static func takeMode(_ node: inout NodeUpgrade) throws -> String {
    let mode = try node.takeString("mode") ?? "nearest"
    return mode == "bilinear" ? "linear" : mode
  }

  private static func resize(
    _ node: inout NodeUpgrade, _ x: Value.ID?, scales: Value.ID?, mode: String, rounding: String
  ) {
    node.become("Resize", x, nil, scales, attributes: attributes(mode: mode, rounding: rounding))
  }

  private static func attributes(mode: String, rounding: String) -> [String: Attribute] {
    [
      "mode": .string(mode), "nearest_mode": .string(rounding),
      "coordinate_transformation_mode": .string("asymmetric"),
    ]
  }
}
