/// Extents that stand for unknown ones where a number is needed and none is given.
extension Shape {
  /// The height and width that classifiers of pictures take.
  public static var nominalSide: Int { 224 }

  /// Whether this is a batch of pictures [N, H, W, C] rather than [N, C, H, W], as far as the channels are known.
  public var isChannelsLast: Bool {
    guard count == 4, self[1].value != 3 else { return false }
    func isChannels(_ dimension: Dimension) -> Bool { dimension.value.map { [1, 4].contains($0) } ?? false }
    return self[3].value == 3 || isChannels(self[3]) && !isChannels(self[1])
  }

  /// The shape with its open extents filled in: a batch of `batch`, and of four extents a picture of 224x224 in three
  /// channels.
  public func nominal(batch: Int = 1) -> [Int] {
    let channelAxis = isChannelsLast ? 3 : 1
    return enumerated().map { axis, dimension in
      if let value = dimension.value { return value }
      if axis == 0 { return batch }
      return count == 4 ? (axis == channelAxis ? 3 : Self.nominalSide) : 1
    }
  }
}
