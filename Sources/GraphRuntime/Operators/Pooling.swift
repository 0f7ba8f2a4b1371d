import RealModule

/// Pooling over windows (ONNX MaxPool-22, AveragePool-22, LpPool-22).
enum Pooling {
  static let operators: [Operator] = [maximum, average, power]

  /// MaxPool: X [N, C, D1...] -> Y, and the int64 indices of the maxima in X (ONNX MaxPool-22).
  private static let maximum = Operator(
    "MaxPool", inputs: 1...1, outputs: 1...2,
    infer: { inference in
      let shape = try outputShape(inference)
      inference.set(0, inference.elementType(0), shape)
      inference.set(1, .int64, shape)
    }, kernel: numeric(MaxPoolKernel.self))

  /// AveragePool: the mean of each window, padding counted or not (ONNX AveragePool-22).
  private static let average = Operator(
    "AveragePool", inputs: 1...1,
    infer: { inference in inference.set(0, inference.elementType(0), try outputShape(inference)) },
    kernel: floating(AveragePoolKernel.self))

  /// LpPool: (Σ|x|^p)^(1/p) over each window (ONNX LpPool-22).
  private static let power = Operator(
    "LpPool", inputs: 1...1,
    infer: { inference in inference.set(0, inference.elementType(0), try outputShape(inference)) },
    kernel: floating(LpPoolKernel.self))

  private static func outputShape(_ inference: TypeInference) throws -> Shape? {
    guard let kernel = try inference.node.ints("kernel_shape") else {
      throw GraphError(.invalidAttribute, "attribute 'kernel_shape' is missing")
    }
    guard let x = inference.shape(0) else { return nil }
    guard x.count == kernel.count + 2 else {
      throw inference.mismatch("a window of \(kernel.count) axes needs an input of \(kernel.count + 2)")
    }
    let attributes = try WindowAttributes(inference.node, kernel: kernel)
    return try Array(x.prefix(2)) + attributes.outputShape(Array(x.dropFirst(2)))
  }
}

/// A pooling of concrete extents; one plane (an image's channel) is one chunk of work.
struct PoolingPlanes {
  let x, y: KernelBuilder.Operand
  let geometry: WindowGeometry
  let planes: Int

  init(_ builder: KernelBuilder) throws {
    x = try builder.input(0)
    y = try builder.optionalOutput(0) ?? builder.output(1)
    guard let kernel = try builder.node.ints("kernel_shape"), x.shape.count == kernel.count + 2 else {
      throw GraphError(.invalidAttribute, "attribute 'kernel_shape' does not fit the input")
    }
    geometry = WindowGeometry(
      try WindowAttributes(builder.node, kernel: kernel), input: Array(x.shape.dropFirst(2)),
      output: Array(y.shape.dropFirst(2)))
    planes = y.count == 0 ? 0 : x.shape[0] * x.shape[1]
  }

  /// Lets `add` take every element of every window into its output, row by row.
  @inline(__always)
  func accumulate<Element>(
    _ source: UnsafePointer<Element>, into target: UnsafeMutablePointer<Element>,
    _ add: (_ sum: inout Element, _ element: Element) -> Void
  ) {
    let rowLength = geometry.output[geometry.rank - 1]
    let stride = geometry.strides[geometry.rank - 1]
    for tap in 0..<geometry.taps {
      geometry.forEachRow(tap: tap) { row, start, columns in
        let target = target + row * rowLength
        let source = source + start
        if stride == 1 {
          for column in columns { add(&target[column], source[column]) }
        } else {
          for column in columns { add(&target[column], source[column * stride]) }
        }
      }
    }
  }
}

private struct MaxPoolKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let pooling = try PoolingPlanes(builder)
    let (inputs, outputs) = (pooling.geometry.inputCount, pooling.geometry.outputCount)
    if builder.optionalOutput(1) != nil {
      return try prepareWithIndices(&builder, pooling, Element.self)
    }
    builder.emit { memory in
      let x = memory.pointer(pooling.x.slot, as: Element.self)
      let y = memory.pointer(pooling.y.slot, as: Element.self)
      memory.parallel(pooling.planes) { plane, _ in
        let target = y + plane * outputs
        for index in 0..<outputs { target[index] = Element.lowest }
        // With NaNs as in ONNX Runtime and the blocked kernel: one goes when a number follows it in the window.
        pooling.accumulate(x + plane * inputs, into: target) { best, element in
          best = best > element ? best : element
        }
      }
    }
  }

  private static func prepareWithIndices<Element: NumericElement>(
    _ builder: inout KernelBuilder, _ pooling: PoolingPlanes, _: Element.Type
  ) throws {
    let geometry = pooling.geometry
    let isColumnMajor = try builder.node.flag("storage_order", default: false)
    let values =
      builder.optionalOutput(0)?.slot
      ?? builder.addScratch(byteCount: pooling.y.count * MemoryLayout<Element>.stride)
    let positions = try builder.output(1)
    let columnMajor = isColumnMajor ? columnMajorIndices(geometry.input) : nil
    builder.emit { memory in
      let x = memory.pointer(pooling.x.slot, as: Element.self)
      let y = memory.pointer(values, as: Element.self)
      let indices = memory.pointer(positions.slot, as: Int64.self)
      let rowLength = geometry.output[geometry.rank - 1]
      let stride = geometry.strides[geometry.rank - 1]
      memory.parallel(pooling.planes) { plane, _ in
        let source = x + plane * geometry.inputCount
        let target = y + plane * geometry.outputCount
        let found = indices + plane * geometry.outputCount
        for index in 0..<geometry.outputCount { (target[index], found[index]) = (Element.lowest, -1) }
        for tap in 0..<geometry.taps {
          geometry.forEachRow(tap: tap) { row, start, columns in
            for column in columns {
              let (input, output) = (start + column * stride, row * rowLength + column)
              guard source[input] > target[output] || found[output] < 0 else { continue }
              target[output] = source[input]
              found[output] = Int64(plane * geometry.inputCount + (columnMajor?[input] ?? input))
            }
          }
        }
      }
    }
  }

  /// For every row-major position in `extents`, its position with the first axis fastest.
  private static func columnMajorIndices(_ extents: [Int]) -> [Int] {
    (0..<extents.reduce(1, *)).map { position in
      let indices = WindowGeometry.unravel(position, extents)
      return zip(indices, extents).reversed().reduce(0) { $0 * $1.1 + $1.0 }
    }
  }
}

private struct AveragePoolKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let pooling = try PoolingPlanes(builder)
    let geometry = pooling.geometry
    let shares = shareOfTaps(
      geometry, countPadding: try builder.node.flag("count_include_pad", default: false)
    )
    .map { Element($0) }
    builder.emit { memory in
      let x = memory.pointer(pooling.x.slot, as: Element.self)
      let y = memory.pointer(pooling.y.slot, as: Element.self)
      memory.parallel(pooling.planes) { plane, _ in
        let target = y + plane * geometry.outputCount
        for index in 0..<geometry.outputCount { target[index] = 0 }
        pooling.accumulate(x + plane * geometry.inputCount, into: target) { $0 += $1 }
        for index in 0..<geometry.outputCount { target[index] /= shares[index] }
      }
    }
  }

  /// How many taps of every window count: those in the input, or those in the padded input.
  private static func shareOfTaps(_ geometry: WindowGeometry, countPadding: Bool) -> [Int] {
    let counts = (0..<geometry.rank).map { axis in
      (0..<geometry.output[axis]).map { position in
        guard countPadding else { return geometry.validTaps(axis, at: position).count }
        let start = position * geometry.strides[axis]
        let end = geometry.input[axis] + geometry.before[axis] + geometry.after[axis]
        return (0..<geometry.kernel[axis]).count { start + $0 * geometry.dilations[axis] < end }
      }
    }
    return counts.reduce([1]) { products, axis in products.flatMap { product in axis.map { product * $0 } } }
  }
}

private struct LpPoolKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let pooling = try PoolingPlanes(builder)
    let geometry = pooling.geometry
    let p = try builder.node.int("p", default: 2)
    guard p > 0 else { throw GraphError(.invalidAttribute, "'p' must be positive, but is \(p)") }
    builder.emit { memory in
      let x = memory.pointer(pooling.x.slot, as: Element.self)
      let y = memory.pointer(pooling.y.slot, as: Element.self)
      memory.parallel(pooling.planes) { plane, _ in
        let target = y + plane * geometry.outputCount
        for index in 0..<geometry.outputCount { target[index] = 0 }
        pooling.accumulate(x + plane * geometry.inputCount, into: target) { $0 += LpNorm.power($1, p) }
        for index in 0..<geometry.outputCount { target[index] = LpNorm.root(target[index], p) }
      }
    }
  }
}

/// The parts of the Lp norm.
enum LpNorm {
  /// |x|^p.
  @inline(__always)
  static func power<Element: FloatingElement>(_ x: Element, _ p: Int) -> Element {
    switch p {
    case 1: abs(x)
    case 2: x * x
    default: Element.pow(abs(x), p)
    }
  }

  /// x^(1/p).
  @inline(__always)
  static func root<Element: FloatingElement>(_ x: Element, _ p: Int) -> Element {
    switch p {
    case 1: x
    case 2: x.squareRoot()
    default: Element.pow(x, 1 / Element(p))
    }
  }
}
