/// Operators that the standard renamed, or had on trial and took back; old models still hold them.
extension OpsetUpgrade {
  static let renamed: [String: [Change]] = [
    "Scatter": [Change(always: { $0.op = "ScatterElements" })],
    "DynamicSlice": [Change(always: { $0.op = "Slice" })],
  ]

  static let withdrawn: [String: [Change]] = [
    "Affine": [
      Change(always: { node in
        let (alpha, beta) = (try node.takeFloat("alpha") ?? 1, try node.takeFloat("beta") ?? 0)
        let scaled = node.emit("Mul", node.input(0), node.addScalar(alpha, like: 0, "alpha"))
        node.become("Add", scaled, node.addScalar(beta, like: 0, "beta"))
      })
    ],
    "Scale": [
      Change(always: { node in
        let scale = try node.takeFloat("scale") ?? 1
        node.become("Mul", node.input(0), node.addScalar(scale, like: 0, "scale"))
      })
    ],
    "ScaledTanh": [
      Change(always: { node in
        let (alpha, beta) = (try node.takeFloat("alpha") ?? 1, try node.takeFloat("beta") ?? 1)
        let inner = node.emit("Mul", node.input(0), node.addScalar(beta, like: 0, "beta"))
        node.become("Mul", node.emit("Tanh", inner), node.addScalar(alpha, like: 0, "alpha"))
      })
    ],
    "ParametricSoftplus": [
      Change(always: { node in
        let (alpha, beta) = (try node.takeFloat("alpha") ?? 1, try node.takeFloat("beta") ?? 1)
        let inner = node.emit("Mul", node.input(0), node.addScalar(beta, like: 0, "beta"))
        node.become("Mul", node.emit("Softplus", inner), node.addScalar(alpha, like: 0, "alpha"))
      })
    ],
    "ImageScaler": [Change(always: imageScaler)],
    "Crop": [Change(always: crop)],
  ]

  /// `scale * x + bias`, one bias a channel of [N, C, H, W].
  private static func imageScaler(_ node: inout NodeUpgrade) throws {
    let scale = try node.takeFloat("scale") ?? 1
    let biases = try node.takeFloats("bias") ?? [0]
    let scaled = node.emit("Mul", node.input(0), node.addScalar(scale, like: 0, "scale"))
    let bias = node.addConstant(Tensor(biases, shape: [biases.count, 1, 1]), "bias")
    node.become(
      "Add", scaled, node.elementType(0) == .float32 ? bias : node.emit("CastLike", bias, node.input(0)))
  }

  /// Cuts `border` (left, top, right, bottom) off an image, or `scale` (height, width) out of it from left and top.
  private static func crop(_ node: inout NodeUpgrade) throws {
    guard let border = try node.takeInts("border"), border.count == 4 else {
      throw GraphError(.invalidAttribute, "attribute 'border' must hold four numbers")
    }
    var ends = [border[3], border[2]].map { $0 == 0 ? Int.max : -$0 }
    if let scale = try node.takeInts("scale") {
      guard scale.count == 2 else {
        throw GraphError(.invalidAttribute, "attribute 'scale' must hold two numbers")
      }
      ends = [border[1] &+ scale[0], border[0] &+ scale[1]]
    }
    node.become(
      "Slice", node.input(0), node.addConstant([border[1], border[0]], "starts"),
      node.addConstant(ends, "ends"),
      node.addConstant([2, 3], "axes"))
  }
}
