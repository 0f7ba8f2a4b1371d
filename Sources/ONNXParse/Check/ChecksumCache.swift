/// The SHA-1 digests of files, each worked out once.
final class ChecksumCache {
  private var digests: [ObjectIdentifier: String] = [:]

  /// The digest of the whole of `file` in hexadecimal digits.
  func checksum(of file: MappedFile) -> String {
    if let digest = digests[ObjectIdentifier(file)] { return digest }
    let digest = sha1(file.bytes).map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
    digests[ObjectIdentifier(file)] = digest
    return digest
  }
}

/// The SHA-1 digest of `bytes` (FIPS 180-4, section 6.1). It finds damage; against intent it is no protection.
func sha1(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
  var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
  var schedule = [UInt32](repeating: 0, count: 80)

  func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 { word << count | word >> (32 - count) }

  func add(_ block: UnsafeRawBufferPointer) {
    for index in 0..<16 {
      schedule[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
    }
    for index in 16..<80 {
      schedule[index] = rotate(
        schedule[index - 3] ^ schedule[index - 8] ^ schedule[index - 14] ^ schedule[index - 16], 1)
    }
    var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
    for index in 0..<80 {
      let (mix, constant): (UInt32, UInt32) =
        switch index / 20 {
        case 0: (b & c | ~b & d, 0x5A82_7999)
        case 1: (b ^ c ^ d, 0x6ED9_EBA1)
        case 2: (b & c | b & d | c & d, 0x8F1B_BCDC)
        default: (b ^ c ^ d, 0xCA62_C1D6)
        }
      let next = rotate(a, 5) &+ mix &+ e &+ constant &+ schedule[index]
      (a, b, c, d, e) = (next, a, rotate(b, 30), c, d)
    }
    for (index, word) in [a, b, c, d, e].enumerated() { state[index] &+= word }
  }

  let wholeBlocks = bytes.count / 64 * 64
  for start in stride(from: 0, to: wholeBlocks, by: 64) {
    add(UnsafeRawBufferPointer(rebasing: bytes[start..<start + 64]))
  }
  var tail = Array(bytes[wholeBlocks...]) + [0x80]
  while tail.count % 64 != 56 { tail.append(0) }
  withUnsafeBytes(of: (UInt64(bytes.count) &* 8).bigEndian) { tail.append(contentsOf: $0) }
  tail.withUnsafeBytes { tail in
    for start in stride(from: 0, to: tail.count, by: 64) {
      add(UnsafeRawBufferPointer(rebasing: tail[start..<start + 64]))
    }
  }
  return state.flatMap { word in withUnsafeBytes(of: word.bigEndian) { Array($0) } }
}
