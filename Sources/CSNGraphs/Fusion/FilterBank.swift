import GraphRuntime
import RealModule

/// 64 filters of 7x7 that analyse luma at stride 1: the first convolution of a CSN, or a formula's.
struct FilterBank: Sendable {
  static let count = 64
  static let size = 7

  /// `v1`, `v2` or `v3`.
  let name: String
  /// [64, 7, 7].
  let filters: [Double]

  init(name: String, filters: [Double]) {
    precondition(filters.count == Self.count * Self.size * Self.size, "a bank holds 64 filters of 7x7")
    self.name = name
    self.filters = filters
  }

  /// The first convolution of a backbone, as it acts on a grey picture copied to three channels.
  ///
  /// Each filter of 7x7x3 is brought to unit norm first: BatchNormalization folded into a convolution scales its
  /// filters, and the fusion should not depend on whether an exporter folded it. The bias, which folding changes
  /// too, and the mean of the preprocessing only move the zero; the fusion graph sets that itself.
  init(name: String, stem: Backbone.Stem, preprocessing: Preprocessing) throws(CSNError) {
    guard stem.shape == [Self.count, 3, Self.size, Self.size] else {
      let shape = stem.shape.map(String.init).joined(separator: "x")
      throw CSNError(
        .unplaceable,
        "\(stem.label) is \(shape), where the fusion graph needs the 64x3x7x7 first convolution of ResNet50 or GoogLeNet"
      )
    }
    let area = Self.size * Self.size
    var filters = [Double](repeating: 0, count: Self.count * area)
    for filter in 0..<Self.count {
      var sum = [Double](repeating: 0, count: area)
      var energy = 0.0
      for channel in 0..<3 {
        let scale = Double(preprocessing.scale[channel])
        for position in 0..<area {
          let weight = stem.weights[(filter * 3 + channel) * area + position] * scale
          sum[position] += weight
          energy += weight * weight
        }
      }
      // A dead filter stays dead.
      let norm = energy.squareRoot()
      for position in 0..<area { filters[filter * area + position] = norm > 1e-12 ? sum[position] / norm : 0 }
    }
    self.init(name: name, filters: filters)
  }

  /// 64 filters by formula: the real Fourier functions of the 8x8 frequencies k/8, under a Gaussian window, each of
  /// unit norm. They are oriented bands in two phases, as trained first layers are, and form a frame of the 49
  /// dimensions with 15 to spare.
  static func analytic(name: String) -> FilterBank {
    let lattice = 8
    let deviation = 1.75
    var filters: [Double] = []
    func add(_ wave: (Double) -> Double, _ u: Int, _ v: Int) {
      var filter: [Double] = []
      for y in 0..<size {
        for x in 0..<size {
          let (dx, dy) = (Double(x - size / 2), Double(y - size / 2))
          let window = Double.exp(-(dx * dx + dy * dy) / (2 * deviation * deviation))
          filter.append(window * wave(2 * .pi * (Double(u) * dx + Double(v) * dy) / Double(lattice)))
        }
      }
      let norm = filter.reduce(0) { $0 + $1 * $1 }.squareRoot()
      filters += filter.map { $0 / norm }
    }
    for v in 0..<lattice {
      for u in 0..<lattice {
        // (u, v) and its mirror image give one cosine and one sine; where they coincide, the cosine alone.
        let mirror = ((lattice - v) % lattice, (lattice - u) % lattice)
        if mirror == (v, u) {
          add(Double.cos, u, v)
        } else if (v, u) < mirror {
          add(Double.cos, u, v)
          add(Double.sin, u, v)
        }
      }
    }
    return FilterBank(name: name, filters: filters)
  }
}

/// Filters that undo the analysis of one or more banks: decoding the code of any picture returns the picture.
struct DualBank: Sendable {
  /// [1, 64 times the banks, 7, 7].
  let filters: [Double]
  let channels: Int

  /// The dual of least norm among the exact ones of 7x7.
  ///
  /// Analysis and synthesis together reach 13x13; they must be 1 in the middle and 0 elsewhere: 169 equations in
  /// 3136 unknowns a bank. With A the matrix of the equations, the least-norm solution is Aᵀ λ with A Aᵀ λ = e.
  /// - Throws: `CSNError` where the filters are no frame, that is, some frequency is lost in all of them.
  init(of banks: [FilterBank]) throws(CSNError) {
    let size = FilterBank.size
    let area = size * size
    let reach = 2 * size - 1
    let filters = banks.flatMap(\.filters)
    let count = filters.count / area

    // Gram matrix: entry (x, y) is Σ over shifts u of Σ over filters of w[x - u]·w[y - u].
    var products = Matrix(rows: area, columns: area)
    for filter in 0..<count {
      for a in 0..<area {
        let weight = filters[filter * area + a]
        for b in 0..<area { products[a, b] += weight * filters[filter * area + b] }
      }
    }
    func position(_ tap: Int, _ shift: Int) -> Int {
      (tap / size + shift / size) * reach + tap % size + shift % size
    }
    var gram = Matrix(rows: reach * reach, columns: reach * reach)
    for shift in 0..<area {
      for a in 0..<area {
        for b in 0..<area { gram[position(a, shift), position(b, shift)] += products[a, b] }
      }
    }
    var target = [Double](repeating: 0, count: reach * reach)
    target[target.count / 2] = 1
    guard let multipliers = gram.solvedByCholesky(target) else { throw Self.notAFrame(banks) }
    var dual = [Double](repeating: 0, count: filters.count)
    for filter in 0..<count {
      for shift in 0..<area {
        for tap in 0..<area {
          dual[filter * area + shift] += filters[filter * area + tap] * multipliers[position(tap, shift)]
        }
      }
    }
    // What comes out, and how far it is from the picture itself.
    var response = [Double](repeating: 0, count: reach * reach)
    for filter in 0..<count {
      for shift in 0..<area {
        for tap in 0..<area {
          response[position(tap, shift)] += dual[filter * area + shift] * filters[filter * area + tap]
        }
      }
    }
    let error = zip(response, target).map { abs($0 - $1) }.max() ?? 1
    // Coefficients of this size would turn rounding into visible noise.
    let gain = dual.reduce(0) { $0 + $1 * $1 }.squareRoot()
    guard error < 1e-8, gain < 100 else { throw Self.notAFrame(banks) }
    self.filters = dual
    channels = count
  }

  private static func notAFrame(_ banks: [FilterBank]) -> CSNError {
    let names = banks.map { "CSN \($0.name)" }.joined(separator: " and ")
    return CSNError(
      .degenerate,
      "the 7x7 filters of \(names) lose some detail of every picture: no filters can reconstruct from them")
  }
}
