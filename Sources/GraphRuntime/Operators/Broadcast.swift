/// How the elements of up to three operands line up with those of an output under NumPy broadcasting.
///
/// Neighbouring axes that every operand walks alike are merged, so that same shapes become one row, and a bias per
/// channel one row a channel.
struct Broadcast: Sendable {
  struct Axis: Sendable, BitwiseCopyable {
    var extent: Int
    /// Elements from one index to the next, one lane an operand; 0 where the operand is repeated.
    var strides: SIMD4<Int>
  }

  /// All axes but the innermost, outermost first.
  let outer: [Axis]
  let inner: Axis
  let rows: Int

  /// - Precondition: every operand's shape can be broadcast to `output`.
  init(output: [Int], operands: [[Int]]) {
    precondition(operands.count <= 4)
    self.init(
      axes: output.indices.map { axis in
        var strides = SIMD4<Int>(repeating: 0)
        for (lane, shape) in operands.enumerated() {
          let own = axis - (output.count - shape.count)
          if own >= 0, shape[own] != 1 { strides[lane] = shape[(own + 1)...].reduce(1, *) }
        }
        return Axis(extent: output[axis], strides: strides)
      })
  }

  /// One operand, walked with any strides: a transposition, a slice, a repetition.
  init(extents: [Int], strides: [Int]) {
    self.init(axes: zip(extents, strides).map { Axis(extent: $0, strides: SIMD4($1, 0, 0, 0)) })
  }

  init(axes: [Axis]) {
    var merged: [Axis] = []
    for axis in axes where axis.extent != 1 {
      if let last = merged.last, last.strides == axis.strides &* axis.extent {
        merged[merged.count - 1] = Axis(extent: last.extent * axis.extent, strides: axis.strides)
      } else {
        merged.append(axis)
      }
    }
    inner = merged.popLast() ?? Axis(extent: 1, strides: SIMD4(repeating: 1))
    outer = merged
    rows = merged.reduce(1) { $0 * $1.extent }
  }

  /// Where the row starts in each operand.
  @inline(__always)
  func offsets(ofRow row: Int) -> SIMD4<Int> {
    var offsets = SIMD4<Int>(repeating: 0)
    var row = row
    var position = outer.count
    while position > 0 {
      position -= 1
      let axis = outer[position]
      let (quotient, index) = row.quotientAndRemainder(dividingBy: axis.extent)
      offsets &+= axis.strides &* index
      row = quotient
    }
    return offsets
  }
}

extension StepMemory {
  /// Elements worth a trip to another thread.
  private static let grain = 1 << 15
  /// More chunks than any pool has use for.
  private static let mostChunks = 1 << 20

  /// Runs `body` on stretches that together are `range` 0..<count, in parallel where there is enough to do; each
  /// unit is `weight` elements' work.
  @inline(__always)
  func forEachStretch(of count: Int, weight: Int = 1, _ body: (Range<Int>) -> Void) {
    let perChunk = max(1, Self.grain / max(1, weight), count / Self.mostChunks)
    if count <= perChunk { return body(0..<count) }
    parallel(ceilDivide(count, perChunk)) { chunk, _ in
      body(chunk * perChunk..<min(count, (chunk + 1) * perChunk))
    }
  }

  /// Runs `body(offsets, start, count)` on stretches of the rows of `broadcast`: where each operand starts, where
  /// the output starts, and how many elements follow.
  @inline(__always)
  func forEachRow(_ broadcast: Broadcast, _ body: (SIMD4<Int>, Int, Int) -> Void) {
    let inner = broadcast.inner
    guard inner.extent > 0, broadcast.rows > 0 else { return }
    if broadcast.rows == 1 {
      forEachStretch(of: inner.extent) { body(inner.strides &* $0.lowerBound, $0.lowerBound, $0.count) }
    } else {
      forEachStretch(of: broadcast.rows, weight: inner.extent) { rows in
        for row in rows { body(broadcast.offsets(ofRow: row), row * inner.extent, inner.extent) }
      }
    }
  }

  /// target[i] = function(a[i], b[i]) under broadcasting.
  @inline(__always)
  func zip<A, B, Result>(
    _ broadcast: Broadcast, _ a: UnsafePointer<A>, _ b: UnsafePointer<B>,
    _ target: UnsafeMutablePointer<Result>,
    _ function: (A, B) -> Result
  ) {
    let strides = broadcast.inner.strides
    forEachRow(broadcast) { offsets, start, count in
      let a = a + offsets[0]
      let b = b + offsets[1]
      let target = target + start
      switch (strides[0], strides[1]) {
      case (1, 1): for index in 0..<count { target[index] = function(a[index], b[index]) }
      case (1, 0):
        let b = b.pointee
        for index in 0..<count { target[index] = function(a[index], b) }
      case (0, 1):
        let a = a.pointee
        for index in 0..<count { target[index] = function(a, b[index]) }
      default:
        for index in 0..<count { target[index] = function(a[index &* strides[0]], b[index &* strides[1]]) }
      }
    }
  }

  /// target[i] = function(source[i]).
  @inline(__always)
  func map<Source, Result>(
    _ source: UnsafePointer<Source>, _ target: UnsafeMutablePointer<Result>, count: Int,
    _ function: (Source) -> Result
  ) {
    forEachStretch(of: count) { for index in $0 { target[index] = function(source[index]) } }
  }

  /// Gathers what `walk` visits of `source` into a dense `target`.
  @inline(__always)
  func copy<Element: BitwiseCopyable>(
    _ walk: Broadcast, _ source: UnsafePointer<Element>, _ target: UnsafeMutablePointer<Element>
  ) {
    let stride = walk.inner.strides[0]
    forEachRow(walk) { offsets, start, count in
      let source = source + offsets[0]
      let target = target + start
      switch stride {
      case 1: target.update(from: source, count: count)
      case 0: target.update(repeating: source.pointee, count: count)
      default: for index in 0..<count { target[index] = source[index &* stride] }
      }
    }
  }

  /// The elements of an input.
  func input<Element>(_ operand: KernelBuilder.Operand, as type: Element.Type = Element.self)
    -> UnsafePointer<Element>
  {
    UnsafePointer(pointer(operand.slot, as: type))
  }

  /// The elements of an output.
  func output<Element>(_ operand: KernelBuilder.Operand, as type: Element.Type = Element.self)
    -> UnsafeMutablePointer<Element>
  {
    pointer(operand.slot, as: type)
  }
}
