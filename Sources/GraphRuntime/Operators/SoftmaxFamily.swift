import CKernels
import RealModule

/// Softmax, LogSoftmax and Hardmax along one axis (ONNX, each -13).
enum SoftmaxFamily {
  static let operators: [Operator] = [
    Operator(
      "Softmax", inputs: 1...1, sharing: .overwrites([0]), infer: inferShape,
      kernel: floating(SoftmaxKernel.self)),
    Operator(
      "LogSoftmax", inputs: 1...1, sharing: .overwrites([0]), infer: inferShape,
      kernel: floating(AxisKernel<LogSoftmaxRule>.self)),
    Operator(
      "Hardmax", inputs: 1...1, sharing: .overwrites([0]), infer: inferShape,
      kernel: floating(AxisKernel<HardmaxRule>.self)),
  ]

  @Sendable private static func inferShape(_ inference: inout TypeInference) throws {
    if let rank = inference.shape(0)?.count {
      _ = try inference.normalized(try inference.node.int("axis", default: -1), rank: rank)
    }
    inference.same()
  }

  /// The extents before the axis, of the axis and after it.
  fileprivate static func extents(_ builder: KernelBuilder) throws -> (outer: Int, count: Int, inner: Int) {
    let shape = try builder.input(0).shape
    let axis = try builder.node.int("axis", default: -1)
    let position = axis < 0 ? axis + shape.count : axis
    // A scalar has no axis.
    guard shape.indices.contains(position) else { return (1, 1, 1) }
    return (
      shape[..<position].reduce(1, *), shape[position], shape[(position + 1)...].reduce(1, *)
    )
  }
}

/// Softmax, which has a C kernel for floats.
private enum SoftmaxKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    guard Element.self == Float.self else {
      return try AxisKernel<SoftmaxRule>.prepare(&builder, as: Element.self)
    }
    let (x, y) = (try builder.input(0), try builder.output())
    let (outer, count, inner) = try SoftmaxFamily.extents(builder)
    builder.emit { memory in
      csn_softmax(
        memory.pointer(x.slot), memory.pointer(y.slot), outer, count, inner, memory.pool)
    }
  }
}

/// What happens to the elements along the axis.
private protocol AxisRule: SendableMetatype {
  /// Rewrites `count` elements of `x`, `step` apart, into `y` at the same places.
  static func apply<Element: FloatingElement>(
    _ x: UnsafePointer<Element>, _ y: UnsafeMutablePointer<Element>, count: Int, step: Int)
}

private struct AxisKernel<Rule: AxisRule>: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    guard y.count > 0 else { return }
    let (_, count, inner) = try SoftmaxFamily.extents(builder)
    builder.emit { memory in
      let source = memory.pointer(x.slot, as: Element.self)
      let target = memory.pointer(y.slot, as: Element.self)
      memory.forEachStretch(of: y.count / count, weight: 8 * count) { range in
        for line in range {
          let start = line / inner * count * inner + line % inner
          Rule.apply(source + start, target + start, count: count, step: inner)
        }
      }
    }
  }
}

extension AxisRule {
  @inline(__always)
  fileprivate static func maximum<Element: FloatingElement>(
    _ x: UnsafePointer<Element>, _ count: Int, _ step: Int
  )
    -> Element
  {
    var best = x[0]
    for index in 1..<max(count, 1) where x[index * step] > best { best = x[index * step] }
    return best
  }
}

/// eˣ / Σeˣ, the maximum subtracted first.
private struct SoftmaxRule: AxisRule {
  static func apply<Element: FloatingElement>(
    _ x: UnsafePointer<Element>, _ y: UnsafeMutablePointer<Element>, count: Int, step: Int
  ) {
    let best = maximum(x, count, step)
    var sum: Element = 0
    for index in 0..<count {
      let value = Element.exp(x[index * step] - best)
      y[index * step] = value
      sum += value
    }
    for index in 0..<count { y[index * step] /= sum }
  }
}

/// x - max - ln Σe^(x - max).
private struct LogSoftmaxRule: AxisRule {
  static func apply<Element: FloatingElement>(
    _ x: UnsafePointer<Element>, _ y: UnsafeMutablePointer<Element>, count: Int, step: Int
  ) {
    let best = maximum(x, count, step)
    var sum: Element = 0
    for index in 0..<count { sum += Element.exp(x[index * step] - best) }
    let shift = best + Element.log(sum)
    for index in 0..<count { y[index * step] = x[index * step] - shift }
  }
}

/// 1 at the first maximum, else 0.
private struct HardmaxRule: AxisRule {
  static func apply<Element: FloatingElement>(
    _ x: UnsafePointer<Element>, _ y: UnsafeMutablePointer<Element>, count: Int, step: Int
  ) {
    var best = 0
    for index in 0..<count where x[index * step] > x[best * step] { best = index }
    for index in 0..<count { y[index * step] = index == best ? 1 : 0 }
  }
}
