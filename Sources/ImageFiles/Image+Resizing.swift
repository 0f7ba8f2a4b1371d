extension Image {
  /// The picture at another size, by the triangle filter, widened where it shrinks so that nothing is skipped.
  ///
  /// The arithmetic is Pillow's `BILINEAR` (weights in 22-bit fixed point, rows first, rounded to whole levels
  /// between the two passes), because that is what classifiers were trained and measured behind.
  public func resized(width: Int, height: Int) -> Image {
    precondition(width > 0 && height > 0)
    let channels = colorModel.rawValue
    func resize<Sample: FixedWidthInteger & UnsignedInteger>(_ samples: [Sample]) -> [Sample] {
      var samples = samples
      if width != self.width {
        samples = ResamplingWeights(from: self.width, to: width)
          .apply(to: samples, outer: self.height, inner: channels)
      }
      if height != self.height {
        samples = ResamplingWeights(from: self.height, to: height)
          .apply(to: samples, outer: 1, inner: width * channels)
      }
      return samples
    }
    let resized: Samples =
      switch samples {
      case .eight(let samples): .eight(resize(samples))
      case .sixteen(let samples): .sixteen(resize(samples))
      }
    return Image(width: width, height: height, colorModel: colorModel, samples: resized, metadata: metadata)
  }

  /// The picture with its shorter side brought to `side`, in its proportions.
  public func resized(shorterSide side: Int) -> Image {
    let scale = Double(side) / Double(min(width, height))
    func scaled(_ extent: Int) -> Int {
      max(side, Int((Double(extent) * scale).rounded(.toNearestOrEven)))
    }
    return resized(width: scaled(width), height: scaled(height))
  }

  /// The middle of the picture.
  /// - Precondition: it is no larger than the picture.
  public func centerCropped(width: Int, height: Int) -> Image {
    precondition((1...self.width).contains(width) && (1...self.height).contains(height))
    let channels = colorModel.rawValue
    let left = (self.width - width) / 2
    let top = (self.height - height) / 2
    func crop<Sample>(_ samples: [Sample]) -> [Sample] {
      (top..<top + height).flatMap { row in
        let start = (row * self.width + left) * channels
        return samples[start..<start + width * channels]
      }
    }
    let cropped: Samples =
      switch samples {
      case .eight(let samples): .eight(crop(samples))
      case .sixteen(let samples): .sixteen(crop(samples))
      }
    return Image(width: width, height: height, colorModel: colorModel, samples: cropped, metadata: metadata)
  }
}

/// For each place along the new axis, which places of the old one it reads, and with which weights.
private struct ResamplingWeights {
  private static let fractionBits = 22

  private let oldCount: Int
  private var spans: [(first: Int, weights: [Int])] = []

  init(from oldCount: Int, to newCount: Int) {
    self.oldCount = oldCount
    let scale = Double(oldCount) / Double(newCount)
    let support = max(scale, 1)
    for place in 0..<newCount {
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
  }

  /// Resamples the middle axis of `samples`, [outer, oldCount, inner].
  func apply<Sample: FixedWidthInteger & UnsignedInteger>(
    to samples: [Sample], outer: Int, inner: Int
  ) -> [Sample] {
    let half = 1 << (Self.fractionBits - 1)
    return [Sample](unsafeUninitializedCapacity: outer * spans.count * inner) { result, initialized in
      samples.withUnsafeBufferPointer { samples in
        for block in 0..<outer {
          for (place, span) in spans.enumerated() {
            let source = (block * oldCount + span.first) * inner
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
