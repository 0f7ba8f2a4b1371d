/// How a tensor is read where it is broadcast to a larger shape, one row of the last axis at a time.
struct BroadcastRows: Sendable {
  /// Rows of the larger shape, and elements of each.
  let count: Int
  let length: Int
  /// 1 where the tensor has a row of its own, 0 where one element serves the row.
  let step: Int
  private let extents: [Int]
  private let strides: [Int]

  /// Rows of `shape`, to which `source` broadcasts as NumPy does.
  init(_ source: [Int], to shape: [Int]) {
    let padded = [Int](repeating: 1, count: max(0, shape.count - source.count)) + source
    let dense = padded.rowMajorStrides
    length = shape.last ?? 1
    step = (padded.last ?? 1) == 1 ? 0 : 1
    extents = shape.dropLast()
    strides = shape.indices.dropLast().map { padded[$0] == 1 ? 0 : dense[$0] }
    count = extents.reduce(1, *)
  }

  /// Where the tensor's row begins that serves row `row`.
  func offset(_ row: Int) -> Int {
    var rest = row
    var offset = 0
    var axis = extents.count
    while axis > 0 {
      axis -= 1
      offset += rest % extents[axis] * strides[axis]
      rest /= extents[axis]
    }
    return offset
  }
}
