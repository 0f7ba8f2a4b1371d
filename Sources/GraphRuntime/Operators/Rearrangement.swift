/// Operators whose output is the input walked in another order: each is one strided copy.
enum Rearrangement {
  static let operators: [Operator] = [
    Operator("Transpose", inputs: 1...1, infer: transpose, kernel: moving(TransposeKernel.self)),
    Operator("Slice", inputs: 3...5, infer: slice, kernel: moving(SliceKernel.self)),
    Operator("Expand", inputs: 2...2, infer: expand, kernel: moving(ExpandKernel.self)),
    Operator("Tile", inputs: 2...2, infer: tile, kernel: moving(TileKernel.self)),
  ]

  /// Transpose-25: axis i of the output is axis `perm[i]` of the input; reversed where `perm` is left out.
  @Sendable private static func transpose(_ inference: inout TypeInference) throws {
    guard let shape = inference.shape(0) else {
      let rank = try inference.node.ints("perm")?.count
      return inference.set(0, inference.elementType(0), rank.map { Array(repeating: .unknown, count: $0) })
    }
    inference.set(
      0, inference.elementType(0), try permutation(inference.node, rank: shape.count).map { shape[$0] })
  }

  fileprivate static func permutation(_ node: Node, rank: Int) throws -> [Int] {
    guard let given = try node.ints("perm") else { return Array((0..<rank).reversed()) }
    let order = given.map { $0 < 0 ? $0 &+ rank : $0 }
    guard order.sorted() == Array(0..<rank) else {
      throw GraphError(.invalidAttribute, "perm \(given) is not a permutation of \(rank) axes")
    }
    return order
  }

  /// Slice-13: from `starts` to `ends` by `steps` along `axes`.
  @Sendable private static func slice(_ inference: inout TypeInference) throws {
    guard var shape = inference.shape(0) else { return inference.set(0, inference.elementType(0), nil) }
    let starts = inference.shapeValue(1)
    let ends = inference.shapeValue(2)
    guard let count = starts?.count ?? ends?.count ?? inference.shape(1)?.first?.value,
      (0...shape.count).contains(count)
    else { return inference.set(0, inference.elementType(0), shape.map { _ in .unknown }) }
    let axes = try inference.has(3) ? inference.integers(3) : Array(0..<count)
    let steps = try inference.has(4) ? inference.integers(4) : Array(repeating: 1, count: count)
    guard let axes, axes.count == count else {
      return inference.set(0, inference.elementType(0), shape.map { _ in .unknown })
    }
    for (index, axis) in axes.enumerated() {
      let axis = try inference.normalized(axis, rank: shape.count)
      guard let starts, let ends, let steps, starts.count == count, ends.count == count, steps.count == count
      else {
        shape[axis] = .unknown
        continue
      }
      shape[axis] = try SliceRange.extent(
        of: shape[axis], from: starts[index], to: ends[index], by: steps[index])
    }
    inference.set(0, inference.elementType(0), shape)
    if let values = inference.shapeValue(0), inference.shape(0)?.concrete == [values.count], axes.count == 1,
      let start = starts?[0].value, let end = ends?[0].value, let step = steps?[0]
    {
      let range = SliceRange(start: start, end: end, step: step, extent: values.count)
      inference.outputShapeValues[0] = (0..<range.count).map { values[range.start + $0 * step] }
    } else if axes.isEmpty {
      inference.outputShapeValues[0] = inference.shapeValue(0)
    }
  }

  /// Expand-13: two-way broadcast with a shape.
  @Sendable private static func expand(_ inference: inout TypeInference) throws {
    let shape = try inference.broadcast(inference.shape(0), inference.extents(of: 1))
    inference.set(0, inference.elementType(0), shape)
    if let values = inference.shapeValue(0), values.count == 1, let count = shape?.concrete?.elementCount,
      shape?.count ?? 2 <= 1, count <= TypeInference.longestShapeValue
    {
      inference.outputShapeValues[0] = Array(repeating: values[0], count: count)
    }
  }

  /// Tile-13: every axis repeated as `repeats` says.
  @Sendable private static func tile(_ inference: inout TypeInference) throws {
    guard let shape = inference.shape(0), let repeats = try inference.extents(of: 1) else {
      return inference.set(0, inference.elementType(0), inference.shape(0)?.map { _ in .unknown })
    }
    guard repeats.count == shape.count else {
      throw inference.mismatch("\(repeats.count) repeats for a tensor of \(shape.count) axes")
    }
    inference.set(0, inference.elementType(0), zip(shape, repeats).map { $0 * $1 })
  }
}

/// One axis of a Slice: which of its indices are taken.
struct SliceRange {
  let start: Int
  let count: Int

  init(start: Int, end: Int, step: Int, extent: Int) {
    func fromFront(_ index: Int) -> Int { index < 0 ? index &+ extent : index }
    if step > 0 {
      let first = min(max(fromFront(start), 0), extent)
      let end = min(max(fromFront(end), 0), extent)
      self.start = first
      count = end > first ? (end - first - 1) / step + 1 : 0
    } else {
      let first = min(max(fromFront(start), -1), extent - 1)
      // An end so far below 0 that it stays there after counting from the back: index 0 is taken too.
      let end = min(max(fromFront(end), -1), extent - 1)
      self.start = first
      count = first > end && step < 0 ? Int((first - end - 1).magnitude / step.magnitude) + 1 : 0
    }
  }

  /// How many indices of an axis that may be symbolic are taken.
  static func extent(of extent: Dimension, from start: Dimension, to end: Dimension, by step: Int) throws
    -> Dimension
  {
    guard step != 0 else { throw GraphError(.invalidInput, "a slice with step 0 has no meaning") }
    if let extent = extent.value, let start = start.value, let end = end.value {
      return .fixed(SliceRange(start: start, end: end, step: step, extent: extent).count)
    }
    guard step == 1 else { return .unknown }
    // Far ends mean the end of the axis; a negative index counts from there.
    func fromFront(_ index: Dimension) -> Dimension? {
      guard let value = index.value else { return index == extent ? extent : nil }
      if value >= Int(Int32.max) { return extent }
      return value < 0 ? extent + .fixed(value) : index
    }
    if start == 0, let end = fromFront(end) {
      // A fixed end may lie beyond a symbolic axis.
      return end == extent || end.value == nil ? end : .unknown
    }
    guard let first = fromFront(start), let last = fromFront(end), last == extent,
      first.value == nil || start.value ?? 0 > 0
    else { return .unknown }
    return last - first
  }
}

// MARK: - Kernels

private enum TransposeKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let source = try builder.input(0)
    let strides = source.shape.rowMajorStrides
    let order = try Rearrangement.permutation(builder.node, rank: source.shape.count)
    try builder.emitCopy(order.map { strides[$0] }, as: Element.self)
  }
}

private enum SliceKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let source = try builder.input(0)
    let starts = try builder.integers(1)
    let ends = try builder.integers(2)
    let axes = try builder.optionalIntegers(3) ?? Array(starts.indices)
    let steps = try builder.optionalIntegers(4) ?? Array(repeating: 1, count: starts.count)
    guard ends.count == starts.count, axes.count == starts.count, steps.count == starts.count else {
      throw GraphError(.shapeMismatch, "starts, ends, axes and steps must have one length")
    }
    let rowMajor = source.shape.rowMajorStrides
    var strides = rowMajor
    var offset = 0
    for (index, axis) in axes.enumerated() {
      let axis = axis < 0 ? axis + source.shape.count : axis
      guard source.shape.indices.contains(axis) else {
        throw GraphError(.shapeMismatch, "axis \(axes[index]) is out of range for rank \(source.shape.count)")
      }
      let range = SliceRange(
        start: starts[index], end: ends[index], step: steps[index], extent: source.shape[axis])
      // Nothing is walked with the stride of an axis of which at most one index is taken.
      strides[axis] = range.count > 1 ? rowMajor[axis] * steps[index] : rowMajor[axis]
      offset += range.start * rowMajor[axis]
    }
    try builder.emitCopy(strides, offset: offset, as: Element.self)
  }
}

private enum ExpandKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let walk = Broadcast(output: target.shape, operands: [source.shape])
    builder.emit { $0.copy(walk, $0.input(source, as: Element.self), $0.output(target)) }
  }
}

private enum TileKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let rowMajor = source.shape.rowMajorStrides
    // Each axis becomes two: the repetitions, walked with stride 0, and the axis itself.
    var (extents, strides): ([Int], [Int]) = ([], [])
    for axis in source.shape.indices {
      extents += [source.shape[axis] == 0 ? 0 : target.shape[axis] / source.shape[axis], source.shape[axis]]
      strides += [0, rowMajor[axis]]
    }
    let walk = Broadcast(extents: extents, strides: strides)
    builder.emit { $0.copy(walk, $0.input(source, as: Element.self), $0.output(target)) }
  }
}

extension KernelBuilder {
  /// Emits the copy of input 0, walked with `strides` from `offset` on, to output 0.
  mutating func emitCopy<Element: BitwiseCopyable & Sendable>(
    _ strides: [Int], offset: Int = 0, as: Element.Type
  ) throws {
    let (source, target) = (try input(0), try output())
    let walk = Broadcast(extents: target.shape, strides: strides)
    emit { $0.copy(walk, $0.input(source, as: Element.self) + offset, $0.output(target)) }
  }

  /// The integers of an input that must be known while the plan is made.
  func integers(_ index: Int) throws -> [Int] {
    guard let values = try input(index).constant?.integers else {
      throw GraphError(.unknownValue, "the integers of input \(index) must be known beforehand")
    }
    return values
  }

  /// The same of an input that may be left out.
  func optionalIntegers(_ index: Int) throws -> [Int]? {
    try optionalInput(index).map { _ in try integers(index) }
  }
}
