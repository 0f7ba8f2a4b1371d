import CPNG
import Glibc

extension Image.Metadata {
  /// What a reader found around the pixels.
  init(_ reader: OpaquePointer) {
    self.init()
    var found = cpng_metadata()
    cpng_read_metadata(reader, &found)
    iccProfile = found.icc.map { Array(UnsafeBufferPointer(start: $0, count: found.icc_length)) }
    exif = found.exif.map { Array(UnsafeBufferPointer(start: $0, count: found.exif_length)) }
    if found.srgb_intent >= 0 { srgbIntent = Int(found.srgb_intent) }
    if found.gamma > 0 { gamma = found.gamma }
    if found.has_chromaticities {
      chromaticities = withUnsafeBytes(of: found.chromaticities) { Array($0.bindMemory(to: Int32.self)) }
    }
    if found.resolution_x > 0 {
      resolution = Resolution(
        x: found.resolution_x, y: found.resolution_y, isPerMetre: found.resolution_unit == 1)
    }
    texts = UnsafeBufferPointer(start: found.texts, count: found.text_count).map { text in
      let bytes = UnsafeRawBufferPointer(start: text.text, count: text.text_length)
      return Text(
        keyword: String(latin1: UnsafeRawBufferPointer(start: text.keyword, count: strlen(text.keyword))),
        value: text.is_utf8 ? String(decoding: bytes, as: UTF8.self) : String(latin1: bytes))
    }
  }

  /// Calls `body` with this for a writer; the pointers in it hold as long as the call.
  func withUnsafeMetadata<Result>(_ body: (inout cpng_metadata) throws -> Result) rethrows -> Result {
    // One block holds all texts, each behind its keyword, so that a single pointer keeps them alive.
    var block: [CChar] = []
    var places: [(keyword: Int, value: Int, length: Int)] = []
    for text in texts where text.hasWritableKeyword {
      let value = text.value.utf8CString
      places.append((block.count, block.count + text.keyword.utf8CString.count, value.count - 1))
      block += text.keyword.utf8CString
      block += value
    }
    return try block.withUnsafeBufferPointer { block in
      let items = places.map { place in
        cpng_text(
          keyword: block.baseAddress! + place.keyword, text: block.baseAddress! + place.value,
          text_length: place.length, is_utf8: true)
      }
      return try items.withUnsafeBufferPointer { items in
        try (iccProfile ?? []).withUnsafeBufferPointer { icc in
          try (exif ?? []).withUnsafeBufferPointer { exif in
            var metadata = cpng_metadata()
            metadata.icc = icc.baseAddress
            metadata.icc_length = icc.count
            metadata.exif = exif.baseAddress
            metadata.exif_length = exif.count
            metadata.texts = items.baseAddress
            metadata.text_count = items.count
            fillPlainFields(of: &metadata)
            return try body(&metadata)
          }
        }
      }
    }
  }

  private func fillPlainFields(of metadata: inout cpng_metadata) {
    metadata.srgb_intent = Int32(srgbIntent ?? -1)
    metadata.gamma = gamma ?? 0
    if let chromaticities, chromaticities.count == 8 {
      metadata.has_chromaticities = true
      withUnsafeMutableBytes(of: &metadata.chromaticities) {
        $0.copyBytes(from: chromaticities.withUnsafeBytes(Array.init))
      }
    }
    if let resolution {
      metadata.resolution_x = resolution.x
      metadata.resolution_y = resolution.y
      metadata.resolution_unit = resolution.isPerMetre ? 1 : 0
    }
  }
}

extension Image.Metadata.Text {
  /// Whether the standard allows the keyword: readers take more than writers may write. Keywords are Latin-1 in the
  /// file; those beyond ASCII are not worth a conversion.
  fileprivate var hasWritableKeyword: Bool {
    (1...79).contains(keyword.utf8.count) && keyword.utf8.allSatisfy { (0x20...0x7E).contains($0) }
      && !keyword.hasPrefix(" ") && !keyword.hasSuffix(" ") && !keyword.contains("  ")
  }
}

extension String {
  /// Text in Latin-1, whose bytes are the first 256 characters of Unicode.
  fileprivate init(latin1 bytes: UnsafeRawBufferPointer) {
    self.init(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
  }
}
