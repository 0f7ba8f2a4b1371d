import Foundation
import Testing

@testable import ONNXParse

/// Random damage to sound files. `CSN_FUZZ_SECONDS` sets how long (`make fuzz`), `CSN_FUZZ_SEED` with which numbers.
@Suite struct FuzzTests {
  private static let environment = ProcessInfo.processInfo.environment

  @Test func damagedModels() throws {
    let seconds = Self.environment["CSN_FUZZ_SECONDS"].flatMap(Double.init) ?? 2
    let seed = Self.environment["CSN_FUZZ_SEED"].flatMap(UInt64.init) ?? 1
    var generator = SeededGenerator(seed)
    let seeds = try self.seeds()
    let deadline = ContinuousClock.now + .seconds(seconds)
    var runs = 0
    var accepted = 0
    while ContinuousClock.now < deadline {
      // Sound messages of random content, too, so that what lies behind the parser meets the unexpected.
      var bytes =
        try generator.chance(4)
        ? (RandomMessage.make(seed: generator.next(), depth: 6) as Model).serialized()
        : seeds.randomElement(using: &generator) ?? []
      for _ in 0..<Int.random(in: 0...5, using: &generator) { damage(&bytes, &generator) }
      runs += 1
      if try survives(bytes) { accepted += 1 }
    }
    print("fuzz: \(runs) damaged models, seed \(seed); \(accepted) were still messages")
    #expect(accepted < runs)
  }

  /// Reads, checks and writes; an `ONNXError` is the right answer, and so is a message that comes back equal.
  private func survives(_ bytes: [UInt8]) throws -> Bool {
    do {
      let model = try Model(bytes: ByteRegion(bytes))
      let again = try model.serialized()
      #expect(try Model(bytes: ByteRegion(again)).serialized() == again)
      for tensor in model.graph?.initializers ?? [] { _ = try? tensor.elementBytes() }
      try? model.check()
      return true
    } catch is ONNXError {
      return false
    }
  }

  private func seeds() throws -> [[UInt8]] {
    var seeds = try (0..<20).map { try (RandomMessage.make(seed: $0, depth: 6) as Model).serialized() }
    seeds.append(try Samples.linear.serialized())
    // The smaller of the pretrained models, without their weights.
    for name in SharedModelTests.models.prefix(3) {
      var model = try Model(contentsOf: "\(SharedModelTests.folder)/\(name)")
      for index in model.graph?.initializers.indices ?? 0..<0 {
        model.graph?.initializers[index].payload = .none
      }
      seeds.append(try model.serialized())
    }
    return seeds
  }

  private func damage(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    guard !bytes.isEmpty else { return }
    let position = Int.random(in: bytes.indices, using: &generator)
    switch Int.random(in: 0..<7, using: &generator) {
    case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: bytes[position] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
    case 2:
      bytes.removeSubrange(position..<min(bytes.count, position + Int.random(in: 1...8, using: &generator)))
    case 3: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: position)
    case 4: bytes.removeSubrange(position...)
    case 5:
      // A stretch moves or stands twice.
      let stretch = bytes[position..<min(bytes.count, position + Int.random(in: 1...64, using: &generator))]
      bytes.insert(contentsOf: stretch, at: Int.random(in: bytes.indices, using: &generator))
    default:
      // A number as large as numbers get.
      bytes.replaceSubrange(
        position...position, with: WireBuilder.varint(generator.next() >> generator.next() % 64))
    }
  }
}
