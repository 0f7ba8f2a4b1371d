import ONNXParse

/// Windows, gates and grids.
extension FunctionExpansion {
  /// A window `Σ c_k·cos(2πk·n/D)`, where D is the length, or one less where the window is symmetric.
  static func cosineWindow(_ node: inout NodeUpgrade, _ coefficients: [Double]) throws -> Bool {
    let periodic = try node.takeInt("periodic") ?? 1 != 0
    let type = try node.takeInt("output_datatype") ?? Int(ElementType.float32.rawValue)
    let double = Attribute.int(Int(ElementType.float64.rawValue))
    func number(_ value: Double) -> Value.ID { node.addConstant(Tensor(scalar: value), "coefficient") }
    let length = node.emit("Cast", node.input(0), attributes: ["to": double])
    let positions = node.emit("Range", number(0), length, number(1))
    let period = periodic ? length : node.emit("Sub", length, number(1))
    let angle = node.emit("Div", node.emit("Mul", positions, number(2 * Double.pi)), period)
    var window = node.emit("Add", node.emit("Mul", angle, number(0)), number(coefficients[0]))
    for (multiple, coefficient) in coefficients.enumerated().dropFirst() {
      let wave = node.emit("Cos", node.emit("Mul", angle, number(Double(multiple))))
      window = node.emit("Add", window, node.emit("Mul", wave, number(coefficient)))
    }
    node.make(0, "Cast", window, attributes: ["to": .int(type)])
    return true
  }

  /// SwiGLU: `a · sigmoid(alpha·a) · b`.
  static func gatedSwish(_ node: inout NodeUpgrade) throws -> Bool {
    let alpha = node.addScalar(try node.takeFloat("alpha") ?? 1, like: 0, "alpha")
    let gate = node.emit("Sigmoid", node.emit("Mul", node.input(0), alpha))
    node.make(0, "Mul", node.emit("Mul", node.input(0), gate), node.input(1))
    return true
  }

  /// CenterCropPad: a window about the centre, then zeros about it.
  static func centerCropPad(_ node: inout NodeUpgrade) throws -> Bool {
    let axes = try node.takeInts("axes").map { node.addConstant($0, "axes") }
    var extents = node.emit("Shape", node.input(0))
    if let axes { extents = node.emit("Gather", extents, axes) }
    let two = node.addConstant([2], "two")
    let wanted = node.emit(
      "Cast", node.input(1), attributes: ["to": .int(Int(ElementType.int64.rawValue))])
    let kept = node.emit("Min", extents, wanted)
    let start = node.emit("Div", node.emit("Sub", extents, kept), two)
    let cropped = node.emit("Slice", node.input(0), start, node.emit("Add", start, kept), axes)
    let missing = node.emit("Sub", wanted, kept)
    let before = node.emit("Div", missing, two)
    let pads = node.emit(
      "Concat", before, node.emit("Sub", missing, before), attributes: ["axis": .int(0)])
    node.make(0, "Pad", cropped, pads, nil, axes)
    return true
  }

  /// AffineGrid: the positions of an image's pixels in -1..1, moved by an affine matrix for each image.
  static func affineGrid(_ node: inout NodeUpgrade) throws -> Bool {
    guard let axes = (node.shape(1)?.first?.value).map({ $0 - 2 }) ?? node.shape(0)?[safe: 1]?.value,
      (2...3).contains(axes)
    else { return false }
    let aligned = try node.takeInt("align_corners") ?? 0 != 0
    func scalar(_ value: Float) -> Value.ID { node.addScalar(value, like: 0, "number") }
    let size = node.emit(
      "Slice", node.input(1), node.addConstant([2], "from"), node.addConstant([.max], "to"))
    // Coordinates run x, y, z: the last axis of the image first.
    var coordinates: [Value.ID] = []
    for axis in (0..<axes).reversed() {
      let extent = node.emit("Gather", size, node.addConstant(Tensor(scalar: Int64(axis)), "axis"))
      let length = node.emit("CastLike", extent, node.input(0))
      let steps = node.emit("CastLike", node.emit("Range", zero(node), extent, one(node)), node.input(0))
      let position: Value.ID
      if aligned {
        let step = node.emit("Div", scalar(2), node.emit("Sub", length, scalar(1)))
        position = node.emit("Sub", node.emit("Mul", steps, step), scalar(1))
      } else {
        let odd = node.emit("Add", node.emit("Mul", steps, scalar(2)), scalar(1))
        position = node.emit("Sub", node.emit("Div", odd, length), scalar(1))
      }
      let shape = (0..<axes).map { $0 == axis ? -1 : 1 }
      let spread = node.emit("Expand", node.emit("Reshape", position, node.addConstant(shape, "shape")), size)
      coordinates.append(node.emit("Reshape", spread, node.addConstant([-1, 1], "column")))
    }
    let ones = node.emit("Add", node.emit("Mul", coordinates[0], scalar(0)), scalar(1))
    let points = node.emit("Concat", inputs: coordinates + [ones], attributes: ["axis": .int(1)])
    let matrix = node.emit("Transpose", node.input(0), attributes: ["perm": .ints([0, 2, 1])])
    let moved = node.emit("MatMul", points, matrix)
    let batch = node.emit("Shape", node.input(0), attributes: ["start": .int(0), "end": .int(1)])
    let shape = node.emit(
      "Concat", batch, size, node.addConstant([axes], "axes"), attributes: ["axis": .int(0)])
    node.make(0, "Reshape", moved, shape)
    return true
  }

  static func zero(_ node: NodeUpgrade) -> Value.ID { node.addConstant(Tensor(scalar: Int64(0)), "zero") }
  static func one(_ node: NodeUpgrade) -> Value.ID { node.addConstant(Tensor(scalar: Int64(1)), "one") }
}

extension Array {
  subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
