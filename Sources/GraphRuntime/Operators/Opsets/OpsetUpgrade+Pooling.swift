/// Pooling and recurrent operators: attributes that changed their kind or went away.
extension OpsetUpgrade {
  static let pooling: [String: [Change]] = [
    "LpPool": [Change(before: 2, integerPower)],
    "GlobalLpPool": [Change(before: 2, integerPower)],
    "RNN": [Change(before: 7) { $0.attributes["output_sequence"] = nil }],
    "GRU": [Change(before: 7) { $0.attributes["output_sequence"] = nil }],
    "LSTM": [Change(before: 7) { $0.attributes["output_sequence"] = nil }],
    "RoiAlign": [
      Change(before: 16) { $0.setDefault("coordinate_transformation_mode", .string("output_half_pixel")) }
    ],
    "Selu": [
      Change(before: 6) { node in
        node.setDefault("alpha", .float(1.6732))
        node.setDefault("gamma", .float(1.0507))
      }
    ],
  ]

  private static func integerPower(_ node: inout NodeUpgrade) throws {
    guard case .float(let power)? = node.attributes["p"] else { return }
    guard let integer = Int(exactly: power) else {
      throw GraphError(.invalidAttribute, "attribute 'p' is \(power); only whole powers are supported")
    }
    node.attributes["p"] = .int(integer)
  }
}
