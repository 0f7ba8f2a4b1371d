/// MaxUnpool: X, indices I of MaxPool, output_shape? -> a tensor of zeros with X at the indices (ONNX MaxUnpool-22).
enum MaxUnpooling {
  static let operators: [Operator] = [
    Operator("MaxUnpool", inputs: 2...3, infer: { try infer(&$0) }, kernel: numeric(MaxUnpoolKernel.self))
  ]

  private static func infer(_ inference: inout TypeInference) throws {
    let type = inference.elementType(0)
    guard let x = inference.shape(0) else { return inference.set(0, type, nil) }
    let pooled = try pooledShape(inference.node, x)
    guard inference.has(2) else { return inference.set(0, type, pooled) }
    guard let shape = inference.shapeValue(2) else {
      return inference.set(0, type, [Dimension](repeating: .unknown, count: x.count))
    }
    guard shape.count == x.count,
      zip(shape, pooled).allSatisfy({ ($0.value ?? Int.max) >= ($1.value ?? 0) })
    else { throw inference.mismatch("output_shape \(shape) is smaller than what was pooled, \(pooled)") }
    inference.set(0, type, shape)
  }

  /// The shape that the indices count in: what the pooling read, as its windows cover it.
  fileprivate static func pooledShape(_ node: Node, _ x: Shape) throws -> Shape {
    guard let kernel = try node.ints("kernel_shape"), x.count == kernel.count + 2 else {
      throw GraphError(.invalidAttribute, "'kernel_shape' does not fit an input of \(x.count) axes")
    }
    let window = try WindowAttributes(node, kernel: kernel)
    let spatial = kernel.indices.map { axis in
      (x[axis + 2] - 1) * .fixed(window.strides[axis])
        + .fixed(kernel[axis] - window.pads[axis] - window.pads[axis + window.rank])
    }
    guard spatial.allSatisfy({ ($0.value ?? 0) >= 0 }) else {
      throw GraphError(.shapeMismatch, "padding leaves nothing of the output \(spatial)")
    }
    return Array(x.prefix(2)) + spatial
  }
}

private struct MaxUnpoolKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, indices, y) = (try builder.input(0), try builder.input(1), try builder.output())
    guard indices.elementType == .int64, indices.shape == x.shape else {
      throw GraphError(.shapeMismatch, "the indices \(indices.type) do not fit the input \(x.type)")
    }
    let pooled = try MaxUnpooling.pooledShape(builder.node, Shape(x.shape)).concrete ?? []
    let (extents, strides) = (pooled, y.shape.rowMajorStrides)
    guard let count = pooled.elementCount, count > 0 || x.count == 0 else {
      throw GraphError(.shapeMismatch, "nothing can be put into \(pooled)")
    }
    let label = builder.node.label
    builder.emit { memory in
      let (values, places) = (memory.input(x, as: Element.self), memory.input(indices, as: Int64.self))
      let target = memory.output(y, as: Element.self)
      target.update(repeating: 0, count: y.count)
      for index in 0..<x.count {
        guard (0..<Int64(count)).contains(places[index]) else {
          return memory.fail(label, "index \(places[index]) is out of range for \(extents)")
        }
        var (rest, place) = (Int(places[index]), 0)
        for axis in extents.indices.reversed() {
          place += rest % extents[axis] * strides[axis]
          rest /= extents[axis]
        }
        target[place] = values[index]
      }
    }
  }
}
