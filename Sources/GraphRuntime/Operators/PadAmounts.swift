/// By how much Pad changes the ends of each axis; negative amounts cut.
struct PadAmounts {
  /// More than any convolution needs, and few enough for sums and tables.
  static let mostOfConvolutions = 1 << 20

  let before, after: [Int]

  /// The amounts of Pad's inputs: the beginnings of `axes`, then their ends; of all axes where `axes` is nil.
  /// - Throws: `GraphError` where they don't fit each other or the rank.
  init(pads: [Int], axes: Tensor?, rank: Int) throws {
    let axes = try Padding.axes(axes, rank: rank)
    guard pads.count == 2 * axes.count else {
      throw GraphError(.invalidInput, "'pads' must hold \(2 * axes.count) values, but holds \(pads.count)")
    }
    var (before, after) = ([Int](repeating: 0, count: rank), [Int](repeating: 0, count: rank))
    for (index, axis) in axes.enumerated() {
      before[axis] = pads[index]
      after[axis] = pads[index + axes.count]
    }
    (self.before, self.after) = (before, after)
  }

  /// The amounts of a Pad node, whose constant inputs `constant` gives; nil where they are computed, or don't fit.
  init?(_ node: Node, rank: Int?, constant: (_ input: Int) -> Tensor?) {
    let axes = constant(3)
    guard let rank, let pads = constant(1)?.integers, node.input(3) == nil || axes != nil,
      let amounts = try? PadAmounts(pads: pads, axes: axes, rank: rank)
    else { return nil }
    self = amounts
  }

  /// The amounts that stand for a window's `pads` (beginnings, then ends, of the axes behind [N, C]).
  init(window pads: [Int]) {
    let rank = pads.count / 2
    before = [0, 0] + pads.prefix(rank)
    after = [0, 0] + pads.suffix(rank)
  }

  /// Pad's input.
  var pads: [Int] { before + after }

  /// The amounts as a window's `pads`; nil where N or C is padded, or anything is cut.
  var windowPads: [Int]? {
    guard before.count > 2, pads.allSatisfy({ $0 >= 0 }),
      (before.prefix(2) + after.prefix(2)).allSatisfy({ $0 == 0 })
    else { return nil }
    return Array(before.dropFirst(2) + after.dropFirst(2))
  }
}
