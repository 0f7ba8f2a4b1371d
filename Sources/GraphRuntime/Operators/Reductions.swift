import RealModule

/// Reductions over axes: ReduceSum-13, ReduceMean-18 and the other Reduce operators (opset 18, ReduceMax and
/// ReduceMin-20).
enum Reductions {
  static let operators: [Operator] = [
    reduction("ReduceSum", numeric(ReductionKernel<SumReduction>.self), onShapes: { $0.reduce(0, +) }),
    reduction("ReduceMean", numeric(ReductionKernel<MeanReduction>.self)),
    reduction("ReduceProd", numeric(ReductionKernel<ProductReduction>.self), onShapes: { $0.reduce(1, *) }),
    reduction(
      "ReduceMax", numeric(ReductionKernel<MaximumReduction>.self, acceptsBool: true),
      onShapes: { $0.dropFirst().reduce($0.first ?? .unknown, Dimension.maximum) }),
    reduction(
      "ReduceMin", numeric(ReductionKernel<MinimumReduction>.self, acceptsBool: true),
      onShapes: { $0.dropFirst().reduce($0.first ?? .unknown, Dimension.minimum) }),
    reduction("ReduceL1", numeric(ReductionKernel<AbsoluteSumReduction>.self)),
    reduction("ReduceL2", numeric(ReductionKernel<EuclideanReduction>.self)),
    reduction("ReduceSumSquare", numeric(ReductionKernel<SquareSumReduction>.self)),
    reduction("ReduceLogSum", numeric(ReductionKernel<LogSumReduction>.self)),
    reduction("ReduceLogSumExp", logSumExp),
  ]

  private static func reduction(
    _ name: OperatorName, _ kernel: @escaping PrepareKernel,
    onShapes: (@Sendable ([Dimension]) -> Dimension)? = nil
  ) -> Operator {
    Operator(
      name, inputs: 1...2,
      infer: { inference in
        try infer(&inference)
        if let onShapes, inference.elementType(0)?.isInteger == true, let values = inference.shapeValue(0),
          inference.outputTypes[0]?.tensor?.concreteShape?.elementCount == 1
        {
          inference.outputShapeValues[0] = [onShapes(values)]
        }
      }, kernel: kernel)
  }

  private static func infer(_ inference: inout TypeInference) throws {
    let type = inference.elementType(0)
    let keeps = try inference.node.flag("keepdims", default: true)
    guard let shape = inference.shape(0) else { return inference.set(0, type, nil) }
    guard let axes = try reducedAxes(inference, rank: shape.count) else {
      return inference.set(0, type, keeps ? shape.map { _ in .unknown } : nil)
    }
    inference.set(
      0, type, shape.enumerated().compactMap { axes.contains($0.offset) ? (keeps ? 1 : nil) : $0.element })
  }

  /// The axes that go; nil while they are not known.
  private static func reducedAxes(_ inference: TypeInference, rank: Int) throws -> Set<Int>? {
    let given = try inference.has(1) ? inference.integers(1) : []
    guard let given else { return nil }
    if given.isEmpty {
      return try inference.node.flag("noop_with_empty_axes", default: false) ? [] : Set(0..<rank)
    }
    return Set(try given.map { try inference.normalized($0, rank: rank) })
  }

  /// log Σ exp(x), computed as m + log Σ exp(x - m) with the largest element m; integers in double.
  @Sendable private static func logSumExp(_ builder: inout KernelBuilder) throws {
    if try builder.input(0).elementType.isInteger {
      try builder.converting(inputs: [0: .float64], outputs: [0: .float64]) {
        try LogSumExpKernel.prepare(&$0, as: Double.self)
      }
    } else {
      try floating(LogSumExpKernel.self)(&builder)
    }
  }
}

// MARK: - What is reduced

/// The input's axes, sorted into kept and reduced ones, neighbours of a kind merged.
struct ReductionWalk: Sendable {
  /// Extents and strides into the input, outermost first. The innermost run is not among them.
  let kept: Broadcast
  let reduced: Broadcast
  /// Whether the innermost run of neighbours in memory is kept or reduced.
  let keepsInner: Bool
  /// Elements reduced into one.
  let count: Int

  /// The walk of a node with the axes in input 1, or all.
  init(_ builder: KernelBuilder) throws {
    let shape = try builder.input(0).shape
    let given = try builder.optionalIntegers(1) ?? []
    let noop = try builder.node.flag("noop_with_empty_axes", default: false)
    let axes =
      given.isEmpty ? (noop ? [] : Set(shape.indices)) : Set(given.map { $0 < 0 ? $0 + shape.count : $0 })
    self.init(shape: shape, axes: axes)
  }

  init(shape: [Int], axes: Set<Int>) {
    let strides = shape.rowMajorStrides
    func walk(_ axes: [Int]) -> Broadcast {
      Broadcast(extents: axes.map { shape[$0] }, strides: axes.map { strides[$0] })
    }
    let relevant = shape.indices.filter { shape[$0] != 1 }
    kept = walk(relevant.filter { !axes.contains($0) })
    reduced = walk(relevant.filter(axes.contains))
    keepsInner = relevant.last.map { !axes.contains($0) } ?? true
    // A scalar may be reduced over axis 0, which it doesn't have.
    count = shape.indices.filter(axes.contains).reduce(1) { $0 * shape[$1] }
  }
}

// MARK: - Kernels

/// A reduction: how elements join, and what becomes of the result.
protocol Reduction: SendableMetatype {
  static func initial<Element: NumericElement>() -> Element
  /// Joins another element.
  static func join<Element: NumericElement>(_ result: Element, _ element: Element) -> Element
  /// Joins the results of two parts.
  static func merge<Element: NumericElement>(_ a: Element, _ b: Element) -> Element
  static func finish<Element: NumericElement>(_ result: Element, count: Int) -> Element
}

enum ReductionKernel<R: Reduction>: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let walk = try ReductionWalk(builder)
    if walk.keepsInner {
      builder.emit { reduceRows(walk, $0.input(source, as: Element.self), $0.output(target), $0) }
    } else {
      builder.emit { reduceRuns(walk, $0.input(source, as: Element.self), $0.output(target), $0) }
    }
  }

  /// The innermost run is kept: whole rows are joined into rows of the output.
  private static func reduceRows<Element: NumericElement>(
    _ walk: ReductionWalk, _ source: UnsafePointer<Element>, _ target: UnsafeMutablePointer<Element>,
    _ memory: StepMemory
  ) {
    let reduced = walk.reduced
    memory.forEachRow(walk.kept) { offsets, start, count in
      let target = target + start
      let source = source + offsets[0]
      target.update(repeating: R.initial(), count: count)
      let stride = reduced.inner.strides[0]
      for row in 0..<reduced.rows {
        let base = source + reduced.offsets(ofRow: row)[0]
        for index in 0..<reduced.inner.extent {
          let source = base + index &* stride
          for place in 0..<count { target[place] = R.join(target[place], source[place]) }
        }
      }
      for place in 0..<count { target[place] = R.finish(target[place], count: walk.count) }
    }
  }

  /// The innermost run is reduced: each output joins runs of neighbours.
  private static func reduceRuns<Element: NumericElement>(
    _ walk: ReductionWalk, _ source: UnsafePointer<Element>, _ target: UnsafeMutablePointer<Element>,
    _ memory: StepMemory
  ) {
    let (kept, reduced) = (walk.kept, walk.reduced)
    memory.forEachStretch(of: kept.rows * kept.inner.extent, weight: walk.count) { outputs in
      for output in outputs {
        let (row, place) = output.quotientAndRemainder(dividingBy: kept.inner.extent)
        let base = source + kept.offsets(ofRow: row)[0] + place * kept.inner.strides[0]
        var result: Element = R.initial()
        for row in 0..<reduced.rows {
          result = R.merge(result, run(base + reduced.offsets(ofRow: row)[0], count: reduced.inner.extent))
        }
        target[output] = R.finish(result, count: walk.count)
      }
    }
  }

  /// Joins neighbours in eight lanes, and blocks of them one after the other: quick, and the rounding error stays small.
  private static func run<Element: NumericElement>(_ source: UnsafePointer<Element>, count: Int) -> Element {
    var result: Element = R.initial()
    var first = 0
    while first < count {
      let end = min(count, first + 2048)
      var (a, b, c, d): (Element, Element, Element, Element) = (
        R.initial(), R.initial(), R.initial(), R.initial()
      )
      var (e, f, g, h) = (a, b, c, d)
      var index = first
      while index + 8 <= end {
        a = R.join(a, source[index])
        b = R.join(b, source[index + 1])
        c = R.join(c, source[index + 2])
        d = R.join(d, source[index + 3])
        e = R.join(e, source[index + 4])
        f = R.join(f, source[index + 5])
        g = R.join(g, source[index + 6])
        h = R.join(h, source[index + 7])
        index += 8
      }
      while index < end {
        a = R.join(a, source[index])
        index += 1
      }
      let block = R.merge(R.merge(R.merge(a, b), R.merge(c, d)), R.merge(R.merge(e, f), R.merge(g, h)))
      result = R.merge(result, block)
      first = end
    }
    return result
  }
}

private enum LogSumExpKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let walk = try ReductionWalk(builder)
    builder.emit { memory in
      let source = memory.input(source, as: Element.self)
      let target = memory.output(target, as: Element.self)
      memory.forEachStretch(of: walk.kept.rows * walk.kept.inner.extent, weight: walk.count) { outputs in
        for output in outputs {
          let (row, place) = output.quotientAndRemainder(dividingBy: walk.kept.inner.extent)
          let base = source + walk.kept.offsets(ofRow: row)[0] + place * walk.kept.inner.strides[0]
          var largest = -Element.infinity
          walk.reduced.forEachOffset { largest = Swift.max(largest, base[$0]) }
          // An infinite largest would give infinity minus infinity.
          let shift = largest.isFinite ? largest : 0
          var sum: Element = 0
          walk.reduced.forEachOffset { sum += .exp(base[$0] - shift) }
          target[output] = shift + .log(sum)
        }
      }
    }
  }
}

extension Broadcast {
  /// Calls `body` with the first operand's offset for every element, in order.
  @inline(__always)
  func forEachOffset(_ body: (Int) -> Void) {
    for row in 0..<rows {
      let base = offsets(ofRow: row)[0]
      for index in 0..<inner.extent { body(base + index * inner.strides[0]) }
    }
  }
}

// MARK: - The reductions

enum SumReduction: Reduction {
  @inline(__always) static func initial<Element: NumericElement>() -> Element { .zero }
  @inline(__always) static func join<Element: NumericElement>(_ result: Element, _ element: Element)
    -> Element
  {
    result.plus(element)
  }
  @inline(__always) static func merge<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.plus(b)
  }
  @inline(__always) static func finish<Element: NumericElement>(_ result: Element, count: Int) -> Element {
    result
  }
}

enum MeanReduction: Reduction {
  @inline(__always) static func initial<Element: NumericElement>() -> Element { .zero }
  @inline(__always) static func join<Element: NumericElement>(_ result: Element, _ element: Element)
    -> Element
  {
    result.plus(element)
  }
  @inline(__always) static func merge<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.plus(b)
  }
  @inline(__always) static func finish<Element: NumericElement>(_ result: Element, count: Int) -> Element {
    count == 0 ? result.over(.zero) : result.over(Element(clamping: Double(count)))
  }
}

enum ProductReduction: Reduction {
  @inline(__always) static func initial<Element: NumericElement>() -> Element { .one }
  @inline(__always) static func join<Element: NumericElement>(_ result: Element, _ element: Element)
    -> Element
  {
    result.times(element)
  }
  @inline(__always) static func merge<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.times(b)
  }
  @inline(__always) static func finish<Element: NumericElement>(_ result: Element, count: Int) -> Element {
    result
  }
}

enum MaximumReduction: Reduction {
  @inline(__always) static func initial<Element: NumericElement>() -> Element { .lowest }
  @inline(__always) static func join<Element: NumericElement>(_ result: Element, _ element: Element)
    -> Element
  {
    result.maximum(element)
  }
  @inline(__always) static func merge<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.maximum(b)
  }
  @inline(__always) static func finish<Element: NumericElement>(_ result: Element, count: Int) -> Element {
    result
  }
}

enum MinimumReduction: Reduction {
  @inline(__always) static func initial<Element: NumericElement>() -> Element { .highest }
  @inline(__always) static func join<Element: NumericElement>(_ result: Element, _ element: Element)
    -> Element
  {
    result.minimum(element)
  }
  @inline(__always) static func merge<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.minimum(b)
  }
  @inline(__always) static func finish<Element: NumericElement>(_ result: Element, count: Int) -> Element {
    result
  }
}

enum AbsoluteSumReduction: Reduction {
  @inline(__always) static func initial<Element: NumericElement>() -> Element { .zero }
  @inline(__always) static func join<Element: NumericElement>(_ result: Element, _ element: Element)
    -> Element
  {
    result.plus(element.absolute)
  }
  @inline(__always) static func merge<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.plus(b)
  }
  @inline(__always) static func finish<Element: NumericElement>(_ result: Element, count: Int) -> Element {
    result
  }
}

enum EuclideanReduction: Reduction {
  @inline(__always) static func initial<Element: NumericElement>() -> Element { .zero }
  @inline(__always) static func join<Element: NumericElement>(_ result: Element, _ element: Element)
    -> Element
  {
    result.plus(element.times(element))
  }
  @inline(__always) static func merge<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.plus(b)
  }
  @inline(__always) static func finish<Element: NumericElement>(_ result: Element, count: Int) -> Element {
    Element(clamping: result.double.squareRoot())
  }
}

enum SquareSumReduction: Reduction {
  @inline(__always) static func initial<Element: NumericElement>() -> Element { .zero }
  @inline(__always) static func join<Element: NumericElement>(_ result: Element, _ element: Element)
    -> Element
  {
    result.plus(element.times(element))
  }
  @inline(__always) static func merge<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.plus(b)
  }
  @inline(__always) static func finish<Element: NumericElement>(_ result: Element, count: Int) -> Element {
    result
  }
}

enum LogSumReduction: Reduction {
  @inline(__always) static func initial<Element: NumericElement>() -> Element { .zero }
  @inline(__always) static func join<Element: NumericElement>(_ result: Element, _ element: Element)
    -> Element
  {
    result.plus(element)
  }
  @inline(__always) static func merge<Element: NumericElement>(_ a: Element, _ b: Element) -> Element {
    a.plus(b)
  }
  @inline(__always) static func finish<Element: NumericElement>(_ result: Element, count: Int) -> Element {
    Element(clamping: .log(result.double))
  }
}
