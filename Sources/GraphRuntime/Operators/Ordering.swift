/// Operators that depend on the order of elements along an axis.
enum Ordering {
  static let operators: [Operator] = [
    Operator("TopK", inputs: 2...2, outputs: 1...2, infer: topK, kernel: numeric(TopKKernel.self)),
    // CumSum-14, CumProd-26.
    Operator(
      "CumSum", inputs: 2...2, infer: { $0.same() }, kernel: numeric(CumulativeKernel<Sum, SumReduction>.self)
    ),
    Operator(
      "CumProd", inputs: 2...2, infer: { $0.same() },
      kernel: numeric(CumulativeKernel<Product, ProductReduction>.self)),
    Operator(
      "ReverseSequence", inputs: 2...2, infer: reverseSequence, kernel: moving(ReverseSequenceKernel.self)),
    Operator("Trilu", inputs: 1...2, infer: trilu, kernel: moving(TriluKernel.self)),
  ]

  /// TopK-24: the `k` largest (or smallest) elements along `axis`, and where they stood.
  @Sendable private static func topK(_ inference: inout TypeInference) throws {
    guard var shape = inference.shape(0) else {
      inference.set(0, inference.elementType(0), nil)
      return inference.set(1, .int64, nil)
    }
    guard !shape.isEmpty else { throw inference.mismatch("a scalar has no axis to choose along") }
    let axis = try inference.normalized(inference.node.int("axis", default: -1), rank: shape.count)
    let count = inference.shapeValue(1)?.first ?? .unknown
    if let count = count.value {
      guard count >= 0, count <= shape[axis].value ?? .max else {
        throw inference.mismatch("\(count) elements can't be chosen along axis \(axis)")
      }
    }
    shape[axis] = count
    inference.set(0, inference.elementType(0), shape)
    inference.set(1, .int64, shape)
  }

  @Sendable private static func reverseSequence(_ inference: inout TypeInference) throws {
    if let rank = inference.shape(0)?.count, rank < 2 {
      throw inference.mismatch("the input must have 2 axes or more")
    }
    let axes = Set([
      try inference.node.int("batch_axis", default: 1), try inference.node.int("time_axis", default: 0),
    ])
    guard axes == [0, 1] else {
      throw GraphError(.invalidAttribute, "batch_axis and time_axis must be 0 and 1, in any order")
    }
    if let batch = inference.shape(0)?[try inference.node.int("batch_axis", default: 1)].value,
      let lengths = inference.shape(1)?.concrete, lengths != [batch]
    {
      throw inference.mismatch("there must be one sequence length for each of \(batch) batches")
    }
    inference.same()
  }

  @Sendable private static func trilu(_ inference: inout TypeInference) throws {
    if let rank = inference.shape(0)?.count, rank < 2 {
      throw inference.mismatch("the input must have 2 axes or more")
    }
    inference.same()
  }
}

private enum TopKKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let source = try builder.input(0)
    let (values, places) = (builder.optionalOutput(0), builder.optionalOutput(1))
    guard let chosen = values ?? places else { return }
    let takesLargest = try builder.node.flag("largest", default: true)
    let given = try builder.node.int("axis", default: -1)
    let axis = given < 0 ? given + source.shape.count : given
    let (extent, count) = (source.shape[axis], chosen.shape[axis])
    let inner = source.shape[(axis + 1)...].reduce(1, *)
    let outer = source.shape[..<axis].reduce(1, *)
    builder.emit { memory in
      let source = memory.input(source, as: Element.self)
      let values = values.map { memory.output($0, as: Element.self) }
      let places = places.map { memory.output($0, as: Int64.self) }
      memory.forEachStretch(of: outer * inner, weight: extent) { lines in
        for line in lines {
          let (block, place) = line.quotientAndRemainder(dividingBy: inner)
          let base = source + block * extent * inner + place
          let best = Self.best(count, of: extent) { a, b in
            let (x, y) = (base[a * inner], base[b * inner])
            // NaNs count as larger than all; of equal elements the first comes first.
            if x.isNotANumber != y.isNotANumber { return x.isNotANumber == takesLargest }
            return x == y || x.isNotANumber ? a < b : (x > y) == takesLargest
          }
          for (rank, index) in best.enumerated() {
            let target = block * count * inner + rank * inner + place
            values?[target] = base[index * inner]
            places?[target] = Int64(index)
          }
        }
      }
    }
  }

  /// The first `count` of the indices 0..<extent in the order `precedes`.
  private static func best(_ count: Int, of extent: Int, _ precedes: (Int, Int) -> Bool) -> [Int] {
    if count > 16 { return Array((0..<extent).sorted(by: precedes).prefix(count)) }
    // A few: kept sorted while the rest passes by.
    var best: [Int] = []
    for index in 0..<extent {
      if best.count == count {
        guard let last = best.last, precedes(index, last) else { continue }
        best.removeLast()
      }
      let place = best.lastIndex { precedes($0, index) }.map { $0 + 1 } ?? 0
      best.insert(index, at: place)
    }
    return best
  }
}

/// Running sums or products along an axis, known only when run.
private enum CumulativeKernel<Function: BinaryFunction, Identity: Reduction>: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    _ = try builder.single(1)
    let axis = try builder.indices(1)
    let exclusive = try builder.node.flag("exclusive", default: false)
    let reverse = try builder.node.flag("reverse", default: false)
    let label = builder.node.label
    builder.emit { memory in
      let rank = source.shape.count
      let given = memory.input(axis, as: Int64.self).pointee
      guard given >= -rank, given < rank else {
        return memory.fail(label, "axis \(given) is out of range for rank \(rank)")
      }
      let axis = Int(given) + (given < 0 ? rank : 0)
      let extent = source.shape[axis]
      let inner = source.shape[(axis + 1)...].reduce(1, *)
      let from = memory.input(source, as: Element.self)
      let to = memory.output(target, as: Element.self)
      memory.forEachStretch(of: source.shape[..<axis].reduce(inner, *), weight: extent) { lines in
        for line in lines {
          let (block, place) = line.quotientAndRemainder(dividingBy: inner)
          let base = block * extent * inner + place
          var total: Element = Identity.initial()
          for step in 0..<extent {
            let index = base + (reverse ? extent - 1 - step : step) * inner
            let next = Function.apply(total, from[index])
            to[index] = exclusive ? total : next
            total = next
          }
        }
      }
    }
  }
}

/// ReverseSequence-10: the first `lengths[b]` time steps of each batch backwards.
private enum ReverseSequenceKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let lengths = try builder.indices(1)
    let timeFirst = try builder.node.int("time_axis", default: 0) == 0
    let (steps, batches) = timeFirst ? (source.shape[0], source.shape[1]) : (source.shape[1], source.shape[0])
    let row = source.shape[2...].reduce(1, *)
    let label = builder.node.label
    builder.emit { memory in
      let lengths = memory.input(lengths, as: Int64.self)
      let from = memory.input(source, as: Element.self)
      let to = memory.output(target, as: Element.self)
      func start(_ step: Int, _ batch: Int) -> Int {
        (timeFirst ? step * batches + batch : batch * steps + step) * row
      }
      for batch in 0..<batches {
        guard (0...Int64(steps)).contains(lengths[batch]) else {
          return memory.fail(label, "sequence length \(lengths[batch]) is out of range 0...\(steps)")
        }
        let length = Int(lengths[batch])
        for step in 0..<steps {
          let taken = step < length ? length - 1 - step : step
          (to + start(step, batch)).update(from: from + start(taken, batch), count: row)
        }
      }
    }
  }
}

/// Trilu-14: the triangle of each matrix above (or below) diagonal `k`; zeros elsewhere.
private enum TriluKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let diagonal = try builder.optionalInput(1).map { _ in
      _ = try builder.single(1)
      return try builder.indices(1)
    }
    let keepsUpper = try builder.node.flag("upper", default: true)
    let (rows, columns) = (source.shape[source.shape.count - 2], source.shape[source.shape.count - 1])
    builder.emit { memory in
      let diagonal = diagonal.map { Int(memory.input($0, as: Int64.self).pointee) } ?? 0
      let from = memory.input(source, as: UInt8.self)
      let to = memory.output(target, as: UInt8.self)
      let width = MemoryLayout<Element>.stride
      let lines = columns == 0 ? 0 : source.count / columns
      for line in 0..<lines {
        // Columns below `cut` lie under the diagonal.
        let wanted = (line % rows).addingReportingOverflow(diagonal).partialValue
        let cut = min(max(keepsUpper ? wanted : wanted == .max ? wanted : wanted + 1, 0), columns)
        let kept = keepsUpper ? cut..<columns : 0..<cut
        let base = line * columns
        (to + base * width).update(repeating: 0, count: columns * width)
        (to + (base + kept.lowerBound) * width).update(
          from: from + (base + kept.lowerBound) * width, count: kept.count * width)
      }
    }
  }
}
