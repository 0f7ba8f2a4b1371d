import GraphRuntime

/// What the first convolution's weights tell of the pictures it was trained on.
struct StemStatistics: Sendable {
  /// Standard deviation of the input, all channels together.
  let deviation: Double
  /// Mean of the input by channel.
  let mean: [Double]
  /// Whether a BatchNormalization recorded both; else they rest on the filters' size alone.
  let isRecorded: Bool

  /// - Parameters:
  ///   - weights: the filters, `shape` [K, 3, h, w].
  ///   - bias: the convolution's own bias.
  ///   - normalization: mean and variance of the outputs, by filter.
  init(
    weights: [Double], shape: [Int], bias: [Double]?, normalization: (mean: [Double], variance: [Double])?
  ) {
    let filters = shape[0]
    let gains = Self.gains(weights, shape: shape)
    let bias = bias?.count == filters ? bias ?? [] : [Double](repeating: 0, count: filters)
    let area = shape[2] * shape[3]
    let sums = (0..<filters).map { filter in
      (0..<3).map { channel in
        weights[((filter * 3 + channel) * area)..<((filter * 3 + channel + 1) * area)].reduce(0, +)
      }
    }
    if let normalization, normalization.mean.count == filters {
      isRecorded = true
      deviation = zip(normalization.variance, gains).map { ($0 / $1).squareRoot() }.filter(\.isFinite).median
      mean = Self.fit(sums, to: zip(normalization.mean, bias).map { $0 - $1 })
    } else {
      // A folded normalisation leaves outputs of about unit deviation, and -Σw·mean in the bias.
      isRecorded = false
      deviation = 1 / gains.map { $0.squareRoot() }.median
      mean = Self.fit(sums, to: bias.map { -$0 })
    }
  }

  /// The variance each filter's output would have on natural pictures of unit variance: neighbours correlate with
  /// 0.95, channels with 0.9.
  private static func gains(_ weights: [Double], shape: [Int]) -> [Double] {
    let (height, width) = (shape[2], shape[3])
    var powers = [1.0]
    while powers.count < max(height, width) { powers.append(powers[powers.count - 1] * 0.95) }
    func correlated(_ plane: [Double]) -> [Double] {
      var rows = plane
      for y in 0..<height {
        for x in 0..<width {
          rows[y * width + x] = (0..<width).reduce(0) { $0 + plane[y * width + $1] * powers[abs(x - $1)] }
        }
      }
      var result = rows
      for y in 0..<height {
        for x in 0..<width {
          result[y * width + x] = (0..<height).reduce(0) { $0 + rows[$1 * width + x] * powers[abs(y - $1)] }
        }
      }
      return result
    }
    let area = height * width
    return (0..<shape[0]).map { filter in
      let planes = (0..<3).map { Array(weights[((filter * 3 + $0) * area)..<((filter * 3 + $0 + 1) * area)]) }
      let sum = (0..<area).map { position in planes.reduce(0) { $0 + $1[position] } }
      func energy(_ plane: [Double]) -> Double {
        zip(plane, correlated(plane)).reduce(0) { $0 + $1.0 * $1.1 }
      }
      return 0.9 * energy(sum) + 0.1 * planes.reduce(0) { $0 + energy($1) }
    }
  }

  /// The three means that explain `outputs` best through the filters' sums.
  private static func fit(_ sums: [[Double]], to outputs: [Double]) -> [Double] {
    var normal = Matrix(rows: 3, columns: 3)
    var right = [Double](repeating: 0, count: 3)
    for (sum, output) in zip(sums, outputs) {
      for row in 0..<3 {
        right[row] += sum[row] * output
        for column in 0..<3 { normal[row, column] += sum[row] * sum[column] }
      }
    }
    // Channels of natural pictures go together; a little damping keeps the fit from playing them off.
    let trace = (0..<3).reduce(0) { $0 + normal[$1, $1] }
    for index in 0..<3 { normal[index, index] += 1e-3 * trace + .leastNormalMagnitude }
    return normal.solvedByCholesky(right) ?? [0, 0, 0]
  }
}

extension Array where Element == Double {
  /// The middle element in order of size; 0 of an empty array.
  var median: Double { isEmpty ? 0 : sorted()[count / 2] }
}

/// Judges from a backbone what its input should be.
struct PreprocessingJudge {
  /// The judgement and what it rests on.
  static func judge(_ backbone: Backbone) -> (preprocessing: Preprocessing, reason: String) {
    guard case .success(let stem) = backbone.stem else {
      return (.imagenet, "no first convolution to judge by; the usual one")
    }
    if !stem.prelude.isIdentity { return judge(prelude: stem.prelude) }
    let statistics = stem.statistics
    let usesLRN = backbone.graph.nodes.contains { $0.op == "LRN" }
    if !statistics.isRecorded, usesLRN {
      return (.caffe, "local response normalisation and no batch normalisation: trained with Caffe")
    }
    let source =
      statistics.isRecorded ? "the first BatchNormalization's record" : "the first convolution's weights"
    let mean = statistics.mean.reduce(0, +) / 3
    let facts = "\(source): input of deviation \(rounded(statistics.deviation)), mean \(rounded(mean))"
    return (judge(deviation: statistics.deviation, mean: mean), facts)
  }

  /// Photographs deviate by about 0.26 of the range from their mean; the mean is at about 0.45 of it.
  private static func judge(deviation: Double, mean: Double) -> Preprocessing {
    switch deviation {
    case 8...: abs(mean) < 50 ? .caffe : .raw
    case 0.75..<8: .imagenet
    case 0.38..<0.75: .tf
    default: .unit
    }
  }

  /// The network normalises by itself: the factor tells what range it takes.
  private static func judge(prelude: Prelude) -> (preprocessing: Preprocessing, reason: String) {
    let reason = "the network's own map before the first convolution"
    switch prelude.gain {
    case ..<0.1: return (.raw, reason)
    case 0.3..<0.7: return (.imagenet, reason + " takes normalised input to -1..1")
    case 0.9..<1.1: return (.raw, reason + " takes off a mean")
    case 1.5..<2.5: return (.unit, reason + " takes 0..1 to -1..1")
    default: return (.unit, reason)
    }
  }

  private static func rounded(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
}
