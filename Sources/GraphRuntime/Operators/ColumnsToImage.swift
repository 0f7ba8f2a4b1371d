/// Col2Im: columns [N, C·Πblock, L], image_shape, block_shape -> the sum of the blocks at their places [N, C, image...]
/// (ONNX Col2Im-18).
enum ColumnsToImage {
  static let operators: [Operator] = [
    Operator("Col2Im", inputs: 3...3, infer: { try infer(&$0) }, kernel: floating(ColumnsKernel.self))
  ]

  private static func infer(_ inference: inout TypeInference) throws {
    let type = inference.elementType(0)
    guard let x = inference.shape(0), let image = inference.shapeValue(1),
      let block = inference.shapeValue(2)?.concrete
    else { return inference.set(0, type, nil) }
    let window = try WindowAttributes(inference.node, kernel: block)
    let taps = block.reduce(1, *)
    guard x.count == 3, image.count == block.count, (x[1].value ?? 0) % taps == 0 else {
      throw inference.mismatch("the columns don't fit an image of \(image.count) axes in blocks of \(block)")
    }
    if let count = try window.outputShape(image).concrete?.elementCount, let columns = x[2].value,
      count != columns
    {
      throw inference.mismatch("the image holds \(count) blocks, but there are \(columns) columns")
    }
    inference.set(0, type, [x[0], .floorDivide(x[1], by: taps)] + image)
  }
}

private struct ColumnsKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    guard let block = try builder.input(2).constant?.integers else {
      throw GraphError(.unknownValue, "the block shape of Col2Im must be known when the plan is made")
    }
    let window = try WindowAttributes(builder.node, kernel: block)
    let image = Array(y.shape.dropFirst(2))
    guard y.count > 0, let blocks = try window.outputShape(Shape(image)).concrete else { return }
    let geometry = WindowGeometry(window, input: image, output: blocks)
    guard geometry.outputCount == x.shape[2] else {
      throw GraphError(.shapeMismatch, "the image holds \(geometry.outputCount) blocks, not \(x.shape[2])")
    }
    builder.emit { memory in
      memory.parallel(y.shape[0] * y.shape[1]) { plane, _ in
        let target = memory.output(y, as: Element.self) + plane * geometry.inputCount
        target.update(repeating: 0, count: geometry.inputCount)
        guard geometry.outputCount > 0 else { return }
        geometry.scatter(
          memory.input(x, as: Element.self) + plane * geometry.taps * geometry.outputCount, into: target)
      }
    }
  }
}

extension WindowGeometry {
  /// Adds columns, one row a tap, to the places of the input that the taps read.
  func scatter<Element: FloatingElement>(
    _ columns: UnsafePointer<Element>, into target: UnsafeMutablePointer<Element>
  ) {
    let rowLength = output[rank - 1]
    let stride = strides[rank - 1]
    for tap in 0..<taps {
      forEachRow(tap: tap) { row, start, range in
        let source = columns + tap * outputCount + row * rowLength
        for column in range { target[start + column * stride] += source[column] }
      }
    }
  }
}
