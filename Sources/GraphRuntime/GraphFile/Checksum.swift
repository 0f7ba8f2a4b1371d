/// A 64-bit checksum of bytes: four lanes of multiply and rotate, mixed at the end; finds damage, not malice.
struct Checksum {
  private var lanes: SIMD4<UInt64>

  /// The checksum of `byteCount` bytes, to be given in pieces of multiples of 32, the last one as it is.
  init(byteCount: Int) {
    lanes = [0x9E37_79B9_7F4A_7C15, 0xBF58_476D_1CE4_E5B9, 0x94D0_49BB_1331_11EB, UInt64(byteCount)]
  }

  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var checksum = Checksum(byteCount: bytes.count)
    checksum.add(bytes)
    return checksum.value
  }

  /// Adds bytes, filled up with zeros to a multiple of 32.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    let wide = bytes.count / 32
    for block in 0..<wide {
      add(block: bytes.loadUnaligned(fromByteOffset: block * 32, as: SIMD4<UInt64>.self))
    }
    guard wide * 32 < bytes.count else { return }
    var tail: SIMD4<UInt64> = .zero
    withUnsafeMutableBytes(of: &tail) {
      $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[(wide * 32)...]))
    }
    add(block: tail)
  }

  @inline(__always)
  mutating func add(block: SIMD4<UInt64>) {
    let product = (lanes ^ block) &* SIMD4<UInt64>(repeating: 0x9FB2_1C65_1E98_DF25)
    lanes = (product &<< SIMD4(repeating: 31)) | (product &>> SIMD4(repeating: 33))
  }

  var value: UInt64 {
    (0..<4).reduce(0) { sum, lane in
      var value = sum &* 31 &+ lanes[lane]
      value = (value ^ (value >> 32)) &* 0xD6E8_FEB8_6659_FD93
      return value ^ (value >> 29)
    }
  }
}
