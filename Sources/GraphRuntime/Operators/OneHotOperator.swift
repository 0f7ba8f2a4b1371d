/// OneHot-11: `off` all over but `on` at the index, along a new axis of extent `depth`.
enum OneHotOperator {
  static let operators: [Operator] = [
    Operator("OneHot", inputs: 3...3, infer: infer, kernel: moving(OneHotKernel.self))
  ]

  @Sendable private static func infer(_ inference: inout TypeInference) throws {
    let type = inference.elementType(2)
    guard let indices = inference.shape(0) else { return inference.set(0, type, nil) }
    let axis = try inference.normalized(inference.node.int("axis", default: -1), rank: indices.count + 1)
    var depth = inference.shapeValue(1)?.first ?? .unknown
    if depth == .unknown, let constant = inference.constant(1), constant.count == 1,
      let value = (HalfWidth.widen(constant) ?? constant).firstNumber
    {
      depth = .fixed(Int(Int64(clamping: value)))
    }
    if let depth = depth.value, depth < 1 { throw inference.mismatch("a depth of \(depth) has no meaning") }
    inference.set(0, type, Array(indices[..<axis]) + [depth] + Array(indices[axis...]))
  }
}

private enum OneHotKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (values, target) = (try builder.input(2), try builder.output())
    let indices = try builder.indices(0, allowsFloat: true)
    guard values.count == 2 else { throw GraphError(.shapeMismatch, "the values must be two, off and on") }
    let given = try builder.node.int("axis", default: -1)
    let axis = given < 0 ? given + target.shape.count : given
    let depth = target.shape[axis]
    let inner = target.shape[(axis + 1)...].reduce(1, *)
    builder.emit { memory in
      let values = memory.input(values, as: Element.self)
      let places = memory.input(indices, as: Int64.self)
      let to = memory.output(target, as: Element.self)
      to.update(repeating: values[0], count: target.count)
      for index in 0..<indices.count {
        // An index beyond the depth leaves its line off.
        guard places[index] >= -Int64(depth), places[index] < Int64(depth) else { continue }
        let (block, place) = index.quotientAndRemainder(dividingBy: inner)
        let hot = Int(places[index]) + (places[index] < 0 ? depth : 0)
        to[(block * depth + hot) * inner + place] = values[1]
      }
    }
  }
}

extension Tensor {
  /// The first element as a number; nil for other types, and where there is none.
  var firstNumber: Double? { count == 0 ? nil : try? elementType.visit(FirstNumber(tensor: self)) }

  private struct FirstNumber: NumericVisitor {
    let tensor: Tensor
    func visit<Element: NumericElement>(_: Element.Type) -> Double { tensor.elements(Element.self)[0].double }
  }
}
