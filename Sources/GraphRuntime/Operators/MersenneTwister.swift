/// The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), seeded by one number: the generator that the ONNX
/// reference draws from.
struct MersenneTwister {
  private static let size = 624
  private var state: [UInt32]
  private var position = size

  init(seed: UInt32) {
    state = [seed]
    for index in 1..<Self.size {
      let last = state[index - 1]
      state.append(1_812_433_253 &* (last ^ last >> 30) &+ UInt32(index))
    }
  }

  /// The next 32 bits.
  mutating func next() -> UInt32 {
    if position == Self.size { refill() }
    var word = state[position]
    position += 1
    word ^= word >> 11
    word ^= word << 7 & 0x9d2c_5680
    word ^= word << 15 & 0xefc6_0000
    return word ^ word >> 18
  }

  /// The next number in 0..<1, of 53 random bits.
  mutating func nextUniform() -> Double {
    let high = Double(next() >> 5)
    let low = Double(next() >> 6)
    return (high * 67_108_864 + low) / 9_007_199_254_740_992
  }

  private mutating func refill() {
    for index in 0..<Self.size {
      let joined = state[index] & 0x8000_0000 | state[(index + 1) % Self.size] & 0x7fff_ffff
      let twist: UInt32 = joined & 1 == 0 ? 0 : 0x9908_b0df
      state[index] = state[(index + 397) % Self.size] ^ joined >> 1 ^ twist
    }
    position = 0
  }
}
