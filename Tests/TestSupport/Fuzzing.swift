import Foundation

/// Random damage to sound bytes, repeatable: `CSN_FUZZ_SECONDS` sets how long, `CSN_FUZZ_SEED` with which numbers.
public struct Fuzzing: RandomNumberGenerator {
  private var state: UInt64

  public init() {
    state = ProcessInfo.processInfo.environment["CSN_FUZZ_SEED"].flatMap { UInt64($0) } ?? 1
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Calls `body` with damaged copies of `samples` until the time is over.
  /// - Returns: how often.
  public static func run(
    _ samples: [[UInt8]], _ body: (_ bytes: [UInt8], _ random: inout Fuzzing) throws -> Void
  ) rethrows -> Int {
    let seconds = ProcessInfo.processInfo.environment["CSN_FUZZ_SECONDS"].flatMap { Double($0) } ?? 1
    let deadline = ContinuousClock.now + .seconds(seconds)
    var random = Fuzzing()
    var runs = 0
    while ContinuousClock.now < deadline {
      var bytes = samples.randomElement(using: &random) ?? []
      for _ in 0..<Int.random(in: 1...4, using: &random) { random.damage(&bytes) }
      try body(bytes, &random)
      runs += 1
    }
    return runs
  }

  private mutating func damage(_ bytes: inout [UInt8]) {
    guard !bytes.isEmpty else { return }
    let position = Int.random(in: bytes.indices, using: &self)
    let length = Int.random(in: 1...16, using: &self)
    switch Int.random(in: 0..<6, using: &self) {
    case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &self)
    case 1: bytes[position] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &self) ?? 0
    case 2: bytes.removeSubrange(position..<min(bytes.count, position + length))
    case 3: bytes.insert(UInt8.random(in: 0...255, using: &self), at: position)
    case 4: bytes.removeSubrange(position...)
    default:
      let stretch = bytes[position..<min(bytes.count, position + 4 * length)]
      bytes.insert(contentsOf: stretch, at: Int.random(in: bytes.indices, using: &self))
    }
  }
}
