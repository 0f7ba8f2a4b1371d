/// Element-wise activation functions.
enum Activations {
  static let operators: [Operator] = [relu]

  /// Relu: max(x, 0) (ONNX Relu-14).
  private static let relu = Operator(
    "Relu", inputs: 1...1, sharing: .overwrites([0]), infer: { $0.same() },
    kernel: { builder in
      let x = try builder.input(0)
      let y = try builder.output()
      switch x.elementType {
      case .float32: builder.emit { map(x, y, $0) { (value: Float) in value > 0 ? value : 0 } }
      case .float64: builder.emit { map(x, y, $0) { (value: Double) in value > 0 ? value : 0 } }
      default: throw builder.unsupportedType(x.elementType)
      }
    })

  /// Applies `function` to every element.
  @inline(__always)
  private static func map<Element>(
    _ x: KernelBuilder.Operand, _ y: KernelBuilder.Operand, _ memory: StepMemory,
    _ function: (Element) -> Element
  ) {
    let source = memory.buffer(x, as: Element.self)
    let target = memory.buffer(y, as: Element.self)
    for index in source.indices { target[index] = function(source[index]) }
  }
}
