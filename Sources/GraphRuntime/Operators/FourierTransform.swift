import RealModule

/// A discrete Fourier transform of one length: radix 2 for powers of two, Bluestein's algorithm (1970) for the rest.
struct FourierTransform: Sendable {
  let length: Int
  /// exp(-2πi k/size) for the radix-2 transform of `size` points, which is the length or what Bluestein's algorithm pads to.
  private let size: Int
  private let twiddles: [SIMD2<Double>]
  /// exp(-πi k²/length), and the transform of its conjugate, wrapped; empty for powers of two.
  private var chirp: [SIMD2<Double>] = []
  private var kernel: [SIMD2<Double>] = []

  init(length: Int) {
    self.length = length
    let isPower = length & (length - 1) == 0
    var size = 1
    while size < (isPower ? length : 2 * length - 1) { size *= 2 }
    self.size = size
    twiddles = (0..<max(size / 2, 1)).map { Self.unit(-2 * Double($0) / Double(size)) }
    guard !isPower else { return }
    // k² modulo 2·length keeps the angle exact.
    chirp = (0..<length).map { Self.unit(-Double($0 * $0 % (2 * length)) / Double(length)) }
    var wrapped = [SIMD2<Double>](repeating: .zero, count: size)
    for index in 0..<length {
      let value = Self.conjugate(chirp[index])
      wrapped[index] = value
      if index > 0 { wrapped[size - index] = value }
    }
    transformPowerOfTwo(&wrapped)
    kernel = wrapped
  }

  /// y[k] = Σ x[n] exp(-2πi kn/length), or with the positive sign over the length where `inverse`.
  func callAsFunction(_ signal: [SIMD2<Double>], inverse: Bool) -> [SIMD2<Double>] {
    if inverse {
      let result = self(signal.map(Self.conjugate), inverse: false)
      return result.map { Self.conjugate($0) / Double(length) }
    }
    var work = signal
    if chirp.isEmpty {
      transformPowerOfTwo(&work)
      return work
    }
    work = (0..<size).map { $0 < length ? Self.product(signal[$0], chirp[$0]) : .zero }
    transformPowerOfTwo(&work)
    for index in work.indices { work[index] = Self.conjugate(Self.product(work[index], kernel[index])) }
    transformPowerOfTwo(&work)
    return (0..<length).map { Self.product(Self.conjugate(work[$0]) / Double(size), chirp[$0]) }
  }

  private func transformPowerOfTwo(_ data: inout [SIMD2<Double>]) {
    var reversed = 0
    for index in 1..<max(size, 1) {
      var bit = size >> 1
      while reversed & bit != 0 {
        reversed ^= bit
        bit >>= 1
      }
      reversed |= bit
      if index < reversed { data.swapAt(index, reversed) }
    }
    var half = 1
    while half < size {
      let step = size / (2 * half)
      for start in stride(from: 0, to: size, by: 2 * half) {
        for index in 0..<half {
          let odd = Self.product(data[start + index + half], twiddles[index * step])
          data[start + index + half] = data[start + index] - odd
          data[start + index] += odd
        }
      }
      half *= 2
    }
  }

  /// exp(πi·angle).
  private static func unit(_ angle: Double) -> SIMD2<Double> { SIMD2(.cos(.pi * angle), .sin(.pi * angle)) }

  private static func conjugate(_ a: SIMD2<Double>) -> SIMD2<Double> { SIMD2(a.x, -a.y) }

  private static func product(_ a: SIMD2<Double>, _ b: SIMD2<Double>) -> SIMD2<Double> {
    SIMD2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x)
  }
}
