import RealModule

/// LRN: y = x / (bias + alpha/size · Σ x²)^beta over `size` neighbouring channels (ONNX LRN-13).
enum LocalResponseNormalization {
  static let operators: [Operator] = [
    Operator(
      "LRN", inputs: 1...1,
      infer: { inference in
        if let x = inference.shape(0), x.count < 2 {
          throw inference.mismatch("the input must have channels")
        }
        guard try inference.node.int("size") > 0 else {
          throw GraphError(.invalidAttribute, "'size' must be positive")
        }
        inference.same()
      }, kernel: floating(LRNKernel.self))
  ]
}

private struct LRNKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    let planes = ChannelPlanes(x.shape)
    guard y.count > 0 else { return }
    let size = min(try builder.node.int("size"), 2 * planes.channels)
    let alpha =
      Element(try builder.node.float("alpha", default: 0.0001)) / Element(try builder.node.int("size"))
    let beta = Element(try builder.node.float("beta", default: 0.75))
    let bias = Element(try builder.node.float("bias", default: 1))
    builder.emit { memory in
      let source = memory.pointer(x.slot, as: Element.self)
      let target = memory.pointer(y.slot, as: Element.self)
      memory.forEachStretch(of: planes.count, weight: planes.length) { range in
        for plane in range {
          let channel = plane % planes.channels
          let image = (plane - channel) * planes.length
          let neighbours = max(0, channel - (size - 1) / 2)...min(planes.channels - 1, channel + size / 2)
          let (from, to) = (source + plane * planes.length, target + plane * planes.length)
          to.update(repeating: 0, count: planes.length)
          for neighbour in neighbours {
            let row = source + image + neighbour * planes.length
            for index in 0..<planes.length { to[index] += row[index] * row[index] }
          }
          divide(from, by: to, planes.length, alpha: alpha, beta: beta, bias: bias)
        }
      }
    }
  }

  /// sums := x / (bias + alpha·sums)^beta; the usual powers without `pow`.
  private static func divide<Element: FloatingElement>(
    _ x: UnsafePointer<Element>, by sums: UnsafeMutablePointer<Element>, _ count: Int, alpha: Element,
    beta: Element,
    bias: Element
  ) {
    switch beta {
    case 0.75:
      for index in 0..<count {
        let root = (bias + alpha * sums[index]).squareRoot()
        sums[index] = x[index] / (root * root.squareRoot())
      }
    case 0.5: for index in 0..<count { sums[index] = x[index] / (bias + alpha * sums[index]).squareRoot() }
    case 1: for index in 0..<count { sums[index] = x[index] / (bias + alpha * sums[index]) }
    default: for index in 0..<count { sums[index] = x[index] / Element.pow(bias + alpha * sums[index], beta) }
    }
  }
}
