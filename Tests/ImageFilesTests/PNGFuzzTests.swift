import Foundation
import ONNXParse
import TestSupport
import Testing

@testable import ImageFiles

/// Random damage to pictures (`make fuzz`).
@Suite struct PNGFuzzTests {
  @Test func damagedPictures() throws {
    var samples = try Image.ColorModel.allCases.flatMap { model in
      try [8, 16].map { try PNG.encoded(sample(width: 13, height: 9, model, bitDepth: $0)) }
    }
    var image = sample(width: 4, height: 4, .rgb, bitDepth: 8)
    image.metadata.texts = [.init(keyword: "Title", value: "ö")]
    image.metadata.exif = [0x4D, 0x4D, 0, 0x2A, 0, 0, 0, 8, 0, 0]
    samples.append(try PNG.encoded(image))
    for name in ["basi3p04", "tbbn3p08", "s09i3p02", "ct1n0g04", "exif2c08"] {
      if let data = FileManager.default.contents(atPath: Shared.path("data/pngsuite/\(name).png")) {
        samples.append(Array(data))
      }
    }
    var accepted = 0
    let runs = Fuzzing.run(samples) { bytes, random in
      var bytes = bytes
      // With its checksums right, the damage reaches what lies behind them.
      if Bool.random(using: &random) { repairChecksums(of: &bytes) }
      guard let image = try? PNG.decode(ByteRegion(bytes), name: "damaged") else { return }
      accepted += 1
      #expect(throws: Never.self) { try PNG.encoded(image) }
    }
    #expect(accepted < runs)
  }

  private func repairChecksums(of bytes: inout [UInt8]) {
    var position = 8
    while position <= bytes.count - 12 {
      let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
      let end = position + 8 + length
      guard end <= bytes.count - 4 else { return }
      let crc = checksum(Array(bytes[position + 4..<end]))
      bytes.replaceSubrange(end..<end + 4, with: withUnsafeBytes(of: crc.bigEndian) { Array($0) })
      position = end + 4
    }
  }
}
