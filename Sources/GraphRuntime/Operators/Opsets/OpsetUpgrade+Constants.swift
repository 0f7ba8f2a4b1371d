import ONNXParse

/// Nodes that are constants.
extension OpsetUpgrade {
  static let constants: [String: [Change]] = [
    "Constant": [Change(always: constant)],
    "GivenTensorFill": [Change(always: givenTensor)],
    "ConstantFill": [Change(always: filled)],
  ]

  /// Constant in all its spellings.
  private static func constant(_ node: inout NodeUpgrade) throws {
    if let tensor = try node.takeTensor("value") ?? node.takeTensor("sparse_value") {
      node.become(tensor)
    } else if let number = try node.takeFloat("value_float") {
      node.become(Tensor(scalar: number))
    } else if let numbers = try node.takeFloats("value_floats") {
      node.become(Tensor(numbers, shape: [numbers.count]))
    } else if let number = try node.takeInt("value_int") {
      node.become(Tensor(scalar: Int64(number)))
    } else if let numbers = try node.takeInts("value_ints") {
      node.become(Tensor(numbers.map(Int64.init), shape: [numbers.count]))
    } else if let text = try node.takeString("value_string") {
      node.become(try Tensor(shape: [], strings: [text]))
    } else if case .strings(let texts)? = node.attributes["value_strings"] {
      node.become(try Tensor(shape: [texts.count], strings: texts))
    } else {
      throw GraphError(.invalidAttribute, "the constant holds no value")
    }
  }

  /// The experimental GivenTensorFill with its shape in an attribute.
  private static func givenTensor(_ node: inout NodeUpgrade) throws {
    guard node.inputs.isEmpty, let values = try node.takeFloats("values"),
      let shape = try node.takeInts("shape")
    else {
      return
    }
    guard shape.elementCount == values.count else {
      throw GraphError(.invalidAttribute, "\(values.count) values are given for the shape \(shape)")
    }
    node.become(Tensor(values, shape: shape))
  }

  /// The experimental ConstantFill: one value throughout a shape that an attribute or an input gives.
  private static func filled(_ node: inout NodeUpgrade) throws {
    let value = try node.takeFloat("value") ?? 0
    let type = try node.takeInt("dtype") ?? 1
    let shape: Value.ID
    if let given = try node.takeInts("shape") {
      shape = node.addConstant(given, "shape")
    } else if try node.takeInt("input_as_shape") ?? 0 != 0 {
      shape = node.emit("Cast", node.input(0), attributes: ["to": .int(Int(ElementType.int64.rawValue))])
    } else {
      shape = node.emit("Shape", node.input(0))
    }
    let extra = node.addConstant(try node.takeInts("extra_shape") ?? [], "extra_shape")
    let whole = node.emit("Concat", shape, extra, attributes: ["axis": .int(0)])
    let tensor = node.emit(
      "ConstantOfShape", whole, attributes: ["value": .tensor(Tensor([value], shape: [1]))])
    node.become("Cast", tensor, attributes: ["to": .int(type)])
  }
}
