import Foundation
import ONNXParse
import TestSupport
import Testing

@testable import ImageFiles

@Suite struct PNGTests {
  private static let suite =
    ((try? FileManager.default.contentsOfDirectory(atPath: Shared.path("data/pngsuite"))) ?? [])
    .filter { $0.hasSuffix(".png") }.sorted()

  @Test(.needsShared, .needsPython) func readsPngSuiteLikeTheReferee() throws {
    let valid = Self.suite.filter { !$0.hasPrefix("x") }.map { Shared.path("data/pngsuite/\($0)") }
    #expect(valid.count == 161)
    let script = packageRoot + "/Tests/ImageFilesTests/decode_png.py"
    let expected = try Python.run(file: script, arguments: valid).split(separator: "\n").map(String.init)
    for (path, expected) in zip(valid, expected) {
      let image = try PNG.read(from: path)
      let found =
        "\(path) \(image.width) \(image.height) \(image.colorModel.rawValue) \(image.bitDepth) \(crc(image))"
      #expect(found == expected)
    }
  }

  @Test(.needsShared) func refusesTheCorruptFilesOfPngSuite() throws {
    let corrupt = Self.suite.filter { $0.hasPrefix("x") }
    #expect(corrupt.count == 14)
    for name in corrupt {
      #expect(throws: FileError.self, "\(name)") { try PNG.read(from: Shared.path("data/pngsuite/\(name)")) }
    }
  }

  @Test(arguments: Image.ColorModel.allCases, [8, 16]) func comesBackAsWritten(
    colorModel: Image.ColorModel, bitDepth: Int
  ) throws {
    let folder = try TemporaryFolder()
    let image = sample(width: 37, height: 21, colorModel, bitDepth: bitDepth)
    try PNG.write(image, to: folder.path("a.png"))
    #expect(try PNG.read(from: folder.path("a.png")) == image)
    #expect(folder.content == ["a.png"])
  }

  @Test func handsMetadataOn() throws {
    var image = sample(width: 5, height: 4, .rgb, bitDepth: 8)
    image.metadata.texts = [.init(keyword: "Author", value: "Zoë — 名"), .init(keyword: "Title", value: "")]
    image.metadata.exif = [0x4D, 0x4D, 0, 0x2A, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0]
    image.metadata.gamma = 45455
    image.metadata.chromaticities = [31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000]
    image.metadata.resolution = .init(x: 2834, y: 2835, isPerMetre: true)
    image.metadata.srgbIntent = 1
    let back = try PNG.decode(ByteRegion(PNG.encoded(image)), name: "test")
    #expect(back.metadata == image.metadata)
  }

  @Test func keepsAProfileWhereItFits() throws {
    var image = sample(width: 2, height: 2, .rgb, bitDepth: 8)
    image.metadata.iccProfile = profile(space: "RGB ")
    let back = try PNG.decode(ByteRegion(PNG.encoded(image)), name: "test")
    #expect(back.metadata.iccProfile == image.metadata.iccProfile)
    var grey = sample(width: 2, height: 2, .grey, bitDepth: 8)
    grey.metadata.iccProfile = profile(space: "RGB ")
    #expect(try PNG.decode(ByteRegion(PNG.encoded(grey)), name: "test").metadata.iccProfile == nil)
  }

  /// Readers take keywords that writers may not write.
  @Test(arguments: ["", " lead", "trail ", "two  blanks", "tab\t"]) func forbiddenKeywordsAreLeftOut(
    _ keyword: String
  )
    throws
  {
    var bytes = try PNG.encoded(sample(width: 2, height: 2, .grey, bitDepth: 8))
    bytes.insert(contentsOf: chunk("tEXt", Array("\(keyword)\0hello".utf8)), at: 8 + 25)
    bytes.insert(contentsOf: chunk("tEXt", Array("Author\0me".utf8)), at: 8 + 25)
    let image = try PNG.decode(ByteRegion(bytes), name: "texts")
    #expect(image.metadata.texts.contains { $0.value == "me" })
    let back = try PNG.decode(ByteRegion(PNG.encoded(image)), name: "texts").metadata.texts
    #expect(back == [.init(keyword: "Author", value: "me")])
  }

  @Test func shortProfilesAreLeftOut() {
    var metadata = Image.Metadata()
    metadata.iccProfile = [1, 2, 3]
    #expect(metadata.applicable(to: .rgb).iccProfile == nil)
  }

  @Test func everyTruncationIsAnError() throws {
    let whole = try PNG.encoded(sample(width: 9, height: 7, .rgba, bitDepth: 16))
    for count in 0..<whole.count {
      #expect(throws: FileError.self) { try PNG.decode(ByteRegion(whole[..<count]), name: "cut") }
    }
  }

  @Test func noChangedByteDoesHarm() throws {
    let whole = try PNG.encoded(sample(width: 9, height: 7, .rgb, bitDepth: 8))
    for index in whole.indices {
      for bit in [0x01, 0x80] as [UInt8] {
        var changed = whole
        changed[index] ^= bit
        _ = try? PNG.decode(ByteRegion(changed), name: "changed")
      }
    }
  }

  @Test func refusesHugeHeadersBeforeTakingMemory() throws {
    for (width, height) in [(1 << 30, 1 << 30), (1_000_000, 1_000_000), (60_000, 60_000), (0, 5)] {
      let file = header(width: UInt32(width), height: UInt32(height))
      #expect(throws: FileError.self) { try PNG.decode(ByteRegion(file), name: "huge") }
    }
  }

  @Test func refusesWhatExceedsTheLimit() throws {
    let bytes = try PNG.encoded(sample(width: 100, height: 100, .rgb, bitDepth: 8))
    var limits = PNG.Limits()
    limits.pixelBytes = 29_999
    #expect(throws: FileError("a", "bad PNG: the picture is larger than the limit")) {
      try PNG.decode(ByteRegion(bytes), name: "a", limits: limits)
    }
    limits.pixels = 9_999
    limits.pixelBytes = 30_000
    let message = "bad PNG: the picture has 10000 pixels, more than the limit of 9999"
    #expect(throws: FileError("a", message)) { try PNG.decode(ByteRegion(bytes), name: "a", limits: limits) }
    limits.pixels = 10_000
    #expect(throws: Never.self) { try PNG.decode(ByteRegion(bytes), name: "a", limits: limits) }
  }

  @Test func errorsNameTheFile() throws {
    #expect(throws: FileError("/no/such.png", "cannot open: No such file or directory")) {
      try PNG.read(from: "/no/such.png")
    }
    #expect(throws: FileError("x", "bad PNG: not a PNG file")) {
      try PNG.decode(ByteRegion(Array("GIF89a, not a PNG".utf8)), name: "x")
    }
  }
}

// MARK: - Samples

/// A picture whose samples all differ from their neighbours'.
func sample(width: Int, height: Int, _ colorModel: Image.ColorModel, bitDepth: Int) -> Image {
  let count = width * height * colorModel.rawValue
  let values = (0..<count).map { $0 &* 40503 &+ $0 &* $0 &* 7 }
  return Image(
    width: width, height: height, colorModel: colorModel,
    samples: bitDepth == 16
      ? .sixteen(values.map { UInt16(truncatingIfNeeded: $0) })
      : .eight(values.map { UInt8(truncatingIfNeeded: $0 >> 3) }))
}

private func crc(_ image: Image) -> UInt32 {
  let bytes: [UInt8] =
    switch image.samples {
    case .eight(let samples): samples
    case .sixteen(let samples): samples.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    }
  return checksum(bytes)
}

/// CRC-32, bit by bit.
func checksum(_ bytes: [UInt8]) -> UInt32 {
  var crc: UInt32 = 0xFFFF_FFFF
  for byte in bytes {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1 }
  }
  return ~crc
}

private func bigEndian(_ value: UInt32) -> [UInt8] {
  (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
}

/// A chunk of a PNG file.
private func chunk(_ kind: String, _ body: [UInt8]) -> [UInt8] {
  let named = Array(kind.utf8) + body
  return bigEndian(UInt32(body.count)) + named + bigEndian(checksum(named))
}

/// A PNG file of a header and some bytes of pixels.
private func header(width: UInt32, height: UInt32) -> [UInt8] {
  [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    + chunk("IHDR", bigEndian(width) + bigEndian(height) + [16, 6, 0, 0, 0])
    + chunk("IDAT", [0x78, 0x9C, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01]) + chunk("IEND", [])
}

/// An ICC profile that libpng takes: a header, a table of one tag, and enough in it not to compress to next to nothing.
private func profile(space: String) -> [UInt8] {
  var bytes = (0..<512).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 37 >> 3) }
  bytes.replaceSubrange(0..<144, with: [UInt8](repeating: 0, count: 144))
  bytes[2] = 2
  bytes.replaceSubrange(8..<12, with: [2, 0x10, 0, 0])
  bytes.replaceSubrange(12..<16, with: Array("mntr".utf8))
  bytes.replaceSubrange(16..<20, with: Array(space.utf8))
  bytes.replaceSubrange(20..<24, with: Array("XYZ ".utf8))
  bytes.replaceSubrange(36..<40, with: Array("acsp".utf8))
  bytes.replaceSubrange(68..<80, with: [0, 0, 0xF6, 0xD6, 0, 1, 0, 0, 0, 0, 0xD3, 0x2D])
  bytes[131] = 1
  bytes.replaceSubrange(132..<136, with: Array("cprt".utf8))
  bytes[139] = 144
  bytes[142] = 1
  bytes.replaceSubrange(144..<148, with: Array("text".utf8))
  return bytes
}
