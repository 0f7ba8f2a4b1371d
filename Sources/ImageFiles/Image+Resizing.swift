extension Image {
  /// The picture at another size, by the triangle filter, widened where it shrinks so that nothing is skipped.
  ///
  /// The arithmetic is Pillow's `BILINEAR` (weights in 22-bit fixed point, rows first, rounded to whole levels
  /// between the two passes), because that is what classifiers were trained and measured behind.
  public func resized(width: Int, height: Int) -> Image {
    resized(width: width, height: height, columns: 0..<width, rows: 0..<height)
  }

  /// The middle of the picture with its shorter side brought to `side`, in its proportions. Only that middle is
  /// computed: the longer side of a strip may come to any length.
  /// - Precondition: width and height are from 1 to `side`.
  public func resized(shorterSide side: Int, croppedTo width: Int, by height: Int) -> Image {
    precondition((1...side).contains(width) && (1...side).contains(height))
    let scale = Double(side) / Double(min(self.width, self.height))
    func scaled(_ extent: Int) -> Int {
      max(side, Int((Double(extent) * scale).rounded(.toNearestOrEven)))
    }
    let whole = (width: scaled(self.width), height: scaled(self.height))
    let left = (whole.width - width) / 2
    let top = (whole.height - height) / 2
    return resized(
      width: whole.width, height: whole.height, columns: left..<left + width, rows: top..<top + height)
  }

  /// A cut of the picture at another size.
  private func resized(width: Int, height: Int, columns: Range<Int>, rows: Range<Int>) -> Image {
    precondition(!columns.isEmpty && !rows.isEmpty)
    let horizontal = ResamplingWeights(from: self.width, to: width, places: columns)
    let vertical = ResamplingWeights(from: self.height, to: height, places: rows)
    let channels = colorModel.rawValue
    // Rows come first, and only those that the columns' pass reads.
    let read = vertical.reach
    func resize<Sample: FixedWidthInteger & UnsignedInteger>(_ samples: [Sample]) -> [Sample] {
      let rowLength = self.width * channels
      let wide = horizontal.apply(
        to: samples[read.lowerBound * rowLength..<read.upperBound * rowLength], from: 0, outer: read.count,
        inner: channels)
      return vertical.apply(to: wide[...], from: read.lowerBound, outer: 1, inner: columns.count * channels)
    }
    let resized: Samples =
      switch samples {
      case .eight(let samples): .eight(resize(samples))
      case .sixteen(let samples): .sixteen(resize(samples))
      }
    return Image(
      width: columns.count, height: rows.count, colorModel: colorModel, samples: resized, metadata: metadata)
  }
}

/// For each of some places along the new axis, which places of the old one it reads, and with which weights.
private struct ResamplingWeights {
  private static let fractionBits = 22

  /// The places of the old axis that are read at all.
  let reach: Range<Int>
  private var spans: [(first: Int, weights: [Int])] = []

  init(from oldCount: Int, to newCount: Int, places: Range<Int>) {
    let scale = Double(oldCount) / Double(newCount)
    let support = max(scale, 1)
    for place in places {
      let center = (Double(place) + 0.5) * scale
      let first = max(0, Int(center - support + 0.5))
      let last = min(oldCount, Int(center + support + 0.5))
      let raw = (first..<last).map { old in
        max(0, 1 - abs((Double(old) - center + 0.5) * (1 / support)))
      }
      let sum = raw.reduce(0, +)
      let weights = raw.map { weight in
        Int((weight / sum * Double(1 << Self.fractionBits)).rounded(.toNearestOrAwayFromZero))
      }
      spans.append((first, weights))
    }
    reach = spans[0].first..<spans[spans.count - 1].first + spans[spans.count - 1].weights.count
  }

  /// Resamples the middle axis of `samples`, [outer, places of the old axis from `origin` on, inner].
  func apply<Sample: FixedWidthInteger & UnsignedInteger>(
    to samples: ArraySlice<Sample>, from origin: Int, outer: Int, inner: Int
  ) -> [Sample] {
    let oldCount = samples.count / (outer * inner)
    let half = 1 << (Self.fractionBits - 1)
    return [Sample](unsafeUninitializedCapacity: outer * spans.count * inner) { result, initialized in
      samples.withUnsafeBufferPointer { samples in
        for block in 0..<outer {
          for (place, span) in spans.enumerated() {
            let source = (block * oldCount + span.first - origin) * inner
            let target = (block * spans.count + place) * inner
            for lane in 0..<inner {
              var sum = half
              for (offset, weight) in span.weights.enumerated() {
                sum += weight * Int(samples[source + offset * inner + lane])
              }
              result[target + lane] = Sample(clamping: sum >> Self.fractionBits)
            }
          }
        }
      }
      initialized = outer * spans.count * inner
    }
  }
}
