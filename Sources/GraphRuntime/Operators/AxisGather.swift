import ONNXParse

/// A copy whose every output index along an axis reads one input index along that axis, or the fill value: what Pad
/// and nearest-neighbour Resize are.
struct AxisGather: Sendable {
  /// For every axis and output index, the input index; -1 for the fill value.
  let sources: [[Int]]
  private let inputStrides: [Int]
  private let outer: [Int]

  init(sources: [[Int]], input: [Int]) {
    // A scalar is one row of one element.
    self.sources = sources.isEmpty ? [[0]] : sources
    inputStrides = input.isEmpty ? [1] : input.rowMajorStrides
    outer = self.sources.dropLast().map(\.count)
  }

  /// Emits the copy of `x` to `y` for elements of the width of `Element`; `fill` is the slot of the fill value, nil for
  /// zero bits.
  func emit<Element: BitwiseCopyable & Sendable>(
    _ builder: inout KernelBuilder, from x: KernelBuilder.Operand, to y: KernelBuilder.Operand, fill: Int?,
    as: Element.Type
  ) {
    guard y.count > 0 else { return }
    let gather = self
    let last = sources[sources.count - 1]
    let fill = fill ?? builder.addConstant(ByteRegion(repeatElement(0, count: MemoryLayout<Element>.size)))
    builder.emit { memory in
      let source = memory.input(x, as: Element.self)
      let target = memory.output(y, as: Element.self)
      let value = memory.pointer(fill, as: Element.self)[0]
      memory.forEachStretch(of: y.count / last.count, weight: last.count) { rows in
        for row in rows {
          let target = target + row * last.count
          guard let start = gather.inputRow(row) else {
            target.update(repeating: value, count: last.count)
            continue
          }
          for column in 0..<last.count {
            target[column] = last[column] < 0 ? value : source[start + last[column]]
          }
        }
      }
    }
  }

  /// Where the input row begins that output row `row` reads; nil for a row of fill values.
  private func inputRow(_ row: Int) -> Int? {
    var rest = row
    var start = 0
    for axis in outer.indices.reversed() {
      let index = sources[axis][rest % outer[axis]]
      guard index >= 0 else { return nil }
      start += index * inputStrides[axis]
      rest /= outer[axis]
    }
    return start
  }
}
