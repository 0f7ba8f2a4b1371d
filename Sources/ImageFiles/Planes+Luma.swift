extension Planes {
  /// Luma of ITU-R BT.601, Y = 0.299 R + 0.587 G + 0.114 B, in one plane; a grey picture is its own.
  public var luma: Planes {
    guard count == 3 else { return self }
    let area = self.area
    let luma = [Float](unsafeUninitializedCapacity: area) { luma, initialized in
      values.withUnsafeBufferPointer { values in
        for pixel in 0..<area {
          luma[pixel] =
            0.299 * values[pixel] + 0.587 * values[area + pixel] + 0.114 * values[2 * area + pixel]
        }
      }
      initialized = area
    }
    return Planes(width: width, height: height, count: 1, values: luma)
  }

  /// The two chroma planes of ITU-R BT.601 at full range, centred on 0: Cb = (B - Y) / 1.772, Cr = (R - Y) / 1.402.
  public var chroma: (blue: [Float], red: [Float]) {
    guard count == 3 else {
      let zeros = [Float](repeating: 0, count: area)
      return (zeros, zeros)
    }
    let luma = self.luma.values
    let blue = zip(self[plane: 2], luma).map { ($0 - $1) / 1.772 }
    let red = zip(self[plane: 0], luma).map { ($0 - $1) / 1.402 }
    return (blue, red)
  }

  /// The colour picture of `luma` (one plane) and chroma as `chroma` gives it.
  public init(luma: Planes, blue: [Float], red: [Float]) {
    let area = luma.area
    precondition(luma.count == 1 && blue.count == area && red.count == area)
    let values = [Float](unsafeUninitializedCapacity: 3 * area) { values, initialized in
      for pixel in 0..<area {
        let y = luma.values[pixel]
        let r = y + 1.402 * red[pixel]
        let b = y + 1.772 * blue[pixel]
        values[pixel] = r
        values[area + pixel] = (y - 0.299 * r - 0.114 * b) / 0.587
        values[2 * area + pixel] = b
      }
      initialized = 3 * area
    }
    self.init(width: luma.width, height: luma.height, count: 3, values: values)
  }

  /// The chroma of several pictures in one: each pixel's is the mean of theirs, weighted by how far each is from grey,
  /// C = Σ Ci·|Ci| / Σ |Ci| with C centred on 0 (0 where all are grey). A grey picture thus has no say in the colour.
  /// - Precondition: all are of one size, and there is at least one.
  public static func fusedChroma(of pictures: [Planes]) -> (blue: [Float], red: [Float]) {
    let chromas = pictures.map(\.chroma)
    return (weightedMean(chromas.map(\.blue)), weightedMean(chromas.map(\.red)))
  }

  private static func weightedMean(_ planes: [[Float]]) -> [Float] {
    let area = planes[0].count
    var sums = [Float](repeating: 0, count: area)
    var weights = [Float](repeating: 0, count: area)
    for plane in planes {
      for pixel in 0..<area {
        let value = plane[pixel]
        sums[pixel] += value * abs(value)
        weights[pixel] += abs(value)
      }
    }
    return zip(sums, weights).map { $1 > 0 ? $0 / $1 : 0 }
  }
}
