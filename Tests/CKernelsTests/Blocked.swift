import CKernels

/// The levels that this processor has, portable first.
let availableLevels: [csn_cpu_level] = [CSN_CPU_PORTABLE, CSN_CPU_AVX2, CSN_CPU_AVX512, CSN_CPU_AMX]
  .filter { $0.rawValue <= csn_cpu_detected().rawValue }

/// Numbers in -1..<1 from a seed, the same on every run.
struct Numbers: Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> Float {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(Int32(truncatingIfNeeded: state >> 32)) / 2_147_483_648
  }

  mutating func array(_ count: Int) -> [Float] { (0..<count).map { _ in next() } }
}

/// 64-byte aligned floats for a descriptor's tensor, with a canary behind them.
final class Memory {
  let tensor: csn_tensor
  private let base: UnsafeMutablePointer<Float>
  private let count: Int
  private static let canary: Float = 12345.5
  private static let margin = 64

  /// The tensor's first element.
  var first: UnsafeMutablePointer<Float> {
    base + Self.margin + withUnsafePointer(to: tensor) { csn_tensor_origin($0) }
  }

  /// A tensor filled with `fill`, so that reads of what nobody wrote show.
  init(_ tensor: csn_tensor, fill: Float = .nan) {
    self.tensor = tensor
    count = withUnsafePointer(to: tensor) { csn_tensor_count($0) }
    base = UnsafeMutableRawPointer.allocate(byteCount: (count + 2 * Self.margin) * 4, alignment: 64)
      .bindMemory(to: Float.self, capacity: count + 2 * Self.margin)
    base.initialize(repeating: Self.canary, count: count + 2 * Self.margin)
    (base + Self.margin).update(repeating: fill, count: count)
  }

  deinit { base.deallocate() }

  /// Whether nothing was written before or after the tensor.
  var isIntact: Bool {
    (0..<Self.margin).allSatisfy { base[$0] == Self.canary && base[Self.margin + count + $0] == Self.canary }
  }

  /// A tensor that holds `values` [N, C, H, W], rounded where it is paired, with zeros in its halo and finite junk in
  /// lanes past the last channel.
  convenience init(_ tensor: csn_tensor, values: [Float]) {
    self.init(tensor, fill: 3)
    withUnsafePointer(to: tensor) { csn_clear_halo($0, first, nil) }
    forEach { index, place in
      let word = first[place.offset].bitPattern
      let bits = roundedToBF16(values[index]).bitPattern
      switch place.half {
      case .low: first[place.offset] = Float(bitPattern: word & 0xFFFF_0000 | bits >> 16)
      case .high: first[place.offset] = Float(bitPattern: word & 0xFFFF | bits)
      case nil: first[place.offset] = values[index]
      }
    }
  }

  /// The elements [N, C, H, W].
  var values: [Float] {
    var result = [Float](
      repeating: 0, count: Int(tensor.images * tensor.channels * tensor.height * tensor.width))
    forEach { index, place in
      let word = first[place.offset].bitPattern
      switch place.half {
      case .low: result[index] = Float(bitPattern: word << 16)
      case .high: result[index] = Float(bitPattern: word & 0xFFFF_0000)
      case nil: result[index] = first[place.offset]
      }
    }
    return result
  }

  /// Where an element lies: floats from the first one, and which half of a pair it is.
  private struct Place {
    enum Half { case low, high }
    var offset: Int
    var half: Half?
  }

  private func forEach(_ body: (_ index: Int, _ place: Place) -> Void) {
    let paired = tensor.layout == CSN_PAIRED
    let channels = tensor.layout == CSN_PLANAR ? 1 : paired ? 32 : 16
    var index = 0
    for image in 0..<Int(tensor.images) {
      for channel in 0..<Int(tensor.channels) {
        for y in 0..<Int(tensor.height) {
          for x in 0..<Int(tensor.width) {
            let pixel = channels == 1 ? x : x * 16 + channel % 16
            let offset =
              image * tensor.image_stride + channel / channels * tensor.block_stride + y * tensor.row_stride
              + pixel
            let half: Place.Half? = paired ? (channel % 32 < 16 ? .low : .high) : nil
            body(index, Place(offset: offset, half: half))
            index += 1
          }
        }
      }
    }
  }
}

/// The nearest number with eight significant bits.
func roundedToBF16(_ value: Float) -> Float {
  let bits = value.bitPattern
  return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
}

/// 64-byte aligned memory of no particular kind.
final class Scratch {
  let pointer: UnsafeMutableRawPointer
  private let byteCount: Int
  /// As far as sums of a few tiles reach.
  private static let margin = 64 << 10

  init(byteCount: Int) {
    self.byteCount = byteCount
    pointer = .allocate(byteCount: byteCount + Self.margin, alignment: 64)
    // NaN as floats.
    pointer.initializeMemory(as: UInt8.self, repeating: 0xFF, count: byteCount + Self.margin)
  }

  /// Whether nothing behind it was written.
  var isIntact: Bool {
    UnsafeRawBufferPointer(start: pointer + byteCount, count: Self.margin).allSatisfy { $0 == 0xFF }
  }

  deinit { pointer.deallocate() }
}

/// A pool for the length of a call.
func withPool<Result>(threads: Int, _ body: (OpaquePointer?) throws -> Result) rethrows -> Result {
  let pool = csn_pool_create(Int32(threads))
  defer { csn_pool_destroy(pool) }
  return try body(pool)
}
