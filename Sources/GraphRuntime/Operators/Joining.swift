/// Operators that join tensors along an axis or cut them apart.
enum Joining {
  static let operators: [Operator] = [
    Operator("Concat", inputs: 1...Operator.variadic, infer: concat, kernel: moving(ConcatKernel.self)),
    Operator(
      "Split", inputs: 1...2, outputs: 1...Operator.variadic, infer: split, kernel: moving(SplitKernel.self)),
  ]

  /// Concat-13: the inputs one after the other along `axis`.
  @Sendable private static func concat(_ inference: inout TypeInference) throws {
    let type = inference.inputTypes.lazy.compactMap { $0?.tensor?.elementType }.first
    let shapes = inference.inputTypes.indices.map { inference.shape($0) }
    guard let first = shapes.lazy.compactMap(\.self).first else { return inference.set(0, type, nil) }
    let axis = try inference.normalized(inference.node.int("axis"), rank: first.count)
    guard !first.isEmpty else { throw inference.mismatch("scalars can't be concatenated") }
    var result = first
    for shape in shapes {
      guard let shape else {
        // Of an input of unknown shape only the rank must be the same.
        continue
      }
      guard shape.count == first.count else { throw inference.mismatch("the inputs' ranks differ") }
      for (index, extent) in shape.enumerated() where index != axis {
        if let a = result[index].value, let b = extent.value, a != b {
          throw inference.mismatch("the inputs' extents \(a) and \(b) at axis \(index) differ")
        }
        if result[index].value == nil, extent.value != nil || result[index] == .unknown {
          result[index] = extent
        }
      }
    }
    result[axis] = shapes.reduce(0) { sum, shape in shape.map { sum + $0[axis] } ?? .unknown }
    inference.set(0, type, result)
    let values = inference.inputTypes.indices.map { inference.shapeValue($0) }
    if first.count == 1, values.allSatisfy({ $0 != nil }) {
      let joined = values.flatMap { $0 ?? [] }
      if joined.count <= TypeInference.longestShapeValue { inference.outputShapeValues[0] = joined }
    }
  }

  /// Split-18: into parts of the sizes of `split`, or into `num_outputs` parts of one size, the last one smaller.
  @Sendable private static func split(_ inference: inout TypeInference) throws {
    let type = inference.elementType(0)
    let outputs = inference.node.outputs.count
    guard let shape = inference.shape(0) else {
      for index in 0..<outputs { inference.set(index, type, nil) }
      return
    }
    let axis = try inference.normalized(inference.node.int("axis", default: 0), rank: shape.count)
    guard !shape.isEmpty else { throw inference.mismatch("a scalar can't be split") }
    let sizes: [Dimension]
    if inference.has(1) {
      sizes = inference.shapeValue(1) ?? Array(repeating: .unknown, count: outputs)
      guard sizes.count == outputs else {
        throw inference.mismatch("\(sizes.count) sizes for \(outputs) outputs")
      }
      if let total = shape[axis].value, let parts = sizes.concrete {
        guard parts.allSatisfy({ $0 >= 0 }), parts.elementSum == total else {
          throw inference.mismatch("parts of \(parts) don't add up to \(total)")
        }
      }
    } else {
      sizes = try equalParts(
        of: shape[axis], count: inference.node.int("num_outputs", default: outputs), inference)
      guard sizes.count >= outputs else {
        throw inference.mismatch("\(sizes.count) parts for \(outputs) outputs")
      }
    }
    var start: Int? = 0
    for index in 0..<outputs {
      var part = shape
      part[axis] = sizes[index]
      inference.set(index, type, part)
      if let values = inference.shapeValue(0), shape.count == 1, let first = start,
        let size = sizes[index].value,
        first >= 0, size >= 0, values.count - first >= size
      {
        inference.outputShapeValues[index] = Array(values[first..<first + size])
      }
      start = start.flatMap { start in sizes[index].value.map { start + $0 } }
    }
  }

  private static func equalParts(of extent: Dimension, count: Int, _ inference: TypeInference) throws
    -> [Dimension]
  {
    guard (1...(1 << 20)).contains(count) else {
      throw GraphError(.invalidAttribute, "num_outputs is \(count)")
    }
    let size = Dimension.ceilDivide(extent, by: count)
    guard let total = extent.value, let part = size.value else {
      return Array(repeating: size, count: count - 1) + [count == 1 ? extent : .unknown]
    }
    let last = total - part * (count - 1)
    guard last >= 0 else {
      throw inference.mismatch("an extent of \(total) can't be split into \(count) parts")
    }
    return Array(repeating: size, count: count - 1) + [.fixed(last)]
  }
}

extension [Int] {
  /// The sum; nil on overflow.
  fileprivate var elementSum: Int? {
    reduce(0 as Int?) { sum, next in
      guard let (value, overflow) = sum?.addingReportingOverflow(next), !overflow else { return nil }
      return value
    }
  }
}

private enum ConcatKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let target = try builder.output()
    let axis = try builder.node.int("axis")
    let rank = target.shape.count
    let cut = axis < 0 ? axis + rank : axis
    let outer = target.shape[..<cut].reduce(1, *)
    let targetRow = target.shape[cut...].reduce(1, *)
    var offset = 0
    for index in builder.inputs.indices {
      let source = try builder.input(index)
      let row = source.shape[cut...].reduce(1, *)
      builder.emit { [offset] memory in
        let from = memory.input(source, as: Element.self)
        let to = memory.output(target, as: Element.self) + offset
        memory.forEachStretch(of: outer, weight: row) {
          for index in $0 { (to + index * targetRow).update(from: from + index * row, count: row) }
        }
      }
      offset += row
    }
  }
}

private enum SplitKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let source = try builder.input(0)
    let axis = try builder.node.int("axis", default: 0)
    let cut = axis < 0 ? axis + source.shape.count : axis
    let outer = source.shape[..<cut].reduce(1, *)
    let sourceRow = source.shape[cut...].reduce(1, *)
    let inner = source.shape[(cut + 1)...].reduce(1, *)
    let sizes = try builder.optionalIntegers(1)
    var offset = 0
    for index in builder.outputs.indices {
      guard let target = builder.optionalOutput(index) else {
        guard let size = sizes?[index] ?? builder.outputs.lazy.compactMap({ $0?.shape[cut] }).first else {
          continue
        }
        offset += size * inner
        continue
      }
      let row = target.shape[cut...].reduce(1, *)
      builder.emit { [offset] memory in
        let from = memory.input(source, as: Element.self) + offset
        let to = memory.output(target, as: Element.self)
        memory.forEachStretch(of: outer, weight: row) {
          for index in $0 { (to + index * row).update(from: from + index * sourceRow, count: row) }
        }
      }
      offset += row
    }
  }
}
