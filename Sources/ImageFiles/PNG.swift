import CPNG
import ONNXParse

/// PNG files: every colour type, bit depth and interlacing is read; 8 and 16 bit grey and RGB, with or without alpha, are written.
public enum PNG {
  /// What a file may ask for before it is refused.
  public struct Limits: Sendable {
    public var width = 1 << 20
    public var height = 1 << 20
    /// Bytes of decoded pixels.
    public var pixelBytes = 2 << 30
    /// Pixels, whatever they are made of.
    public var pixels = Int.max
    /// Bytes of one decompressed profile or text.
    public var metadataBytes = 16 << 20

    public init() {}
  }

  /// Reads a file. Palettes become RGB, fewer than 8 bits become 8, transparent colours become an alpha channel;
  /// samples are not changed for gamma or profile, which the picture's metadata keeps.
  /// - Throws: `FileError` that says what is wrong with the file, `ONNXError` where it can't be opened.
  public static func read(from path: String, limits: Limits = Limits()) throws -> Image {
    try decode(ByteRegion(contentsOf: path), name: path, limits: limits)
  }

  /// Reads a file's bytes; `name` is for messages.
  public static func decode(_ bytes: ByteRegion, name: String, limits: Limits = Limits()) throws -> Image {
    try bytes.withUnsafeBytes { bytes in
      var format = cpng_format()
      let reader = try orThrow(name) { message in
        var limits = cpng_limits(limits)
        return cpng_reader_create(bytes.baseAddress, bytes.count, &limits, &format, message)
      }
      defer { cpng_reader_free(reader) }
      guard let colorModel = Image.ColorModel(rawValue: Int(format.channels)) else {
        throw FileError(name, "has \(format.channels) channels")
      }
      let samples = try readSamples(reader, format, name)
      return Image(
        width: Int(format.width), height: Int(format.height), colorModel: colorModel, samples: samples,
        metadata: Image.Metadata(reader))
    }
  }

  /// Writes a file, which takes its name only when it is whole.
  public static func write(_ image: Image, to path: String) throws {
    try AtomicFile.write([part(image, path)])
  }

  /// The file that `write` writes, to be written with others.
  public static func part(_ image: Image, _ path: String) -> AtomicFile.Part {
    AtomicFile.Part(path) { file in try encode(image, name: path) { try file.write($0) } }
  }

  /// The bytes of the file that `write` writes.
  public static func encoded(_ image: Image) throws -> [UInt8] {
    var bytes: [UInt8] = []
    try encode(image, name: "PNG") { bytes += $0 }
    return bytes
  }
}

// MARK: - Calls into C

extension PNG {
  private typealias Message = UnsafeMutablePointer<CChar>

  private static func orThrow<Result>(
    _ name: String, _ failure: String = "bad PNG", _ call: (Message) -> Result?
  ) throws -> Result {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CPNG_MESSAGE_LENGTH)) { buffer in
      buffer.initialize(repeating: 0)
      guard let result = call(buffer.baseAddress!) else {
        throw FileError(name, "\(failure): \(String(cString: buffer.baseAddress!))")
      }
      return result
    }
  }

  private static func readSamples(
    _ reader: OpaquePointer, _ format: cpng_format, _ name: String
  ) throws -> Image.Samples {
    let count = Int(format.width) * Int(format.height) * Int(format.channels)
    func read<Sample>() throws -> [Sample] {
      try [Sample](unsafeUninitializedCapacity: count) { buffer, initialized in
        // A file that ends early must not show what was in memory before.
        UnsafeMutableRawBufferPointer(buffer).initializeMemory(as: UInt8.self, repeating: 0)
        let _: Void = try orThrow(name) { cpng_read_pixels(reader, buffer.baseAddress, $0) ? () : nil }
        initialized = count
      }
    }
    return format.bit_depth == 16 ? .sixteen(try read()) : .eight(try read())
  }

  /// Where encoded bytes go, and what went wrong there.
  private struct Sink {
    var write: (UnsafeRawBufferPointer) throws -> Void
    var error: (any Error)?
  }

  private static func encode(
    _ image: Image, name: String, to write: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    try withoutActuallyEscaping(write) { write in
      var sink = Sink(write: write)
      var format = cpng_format(
        width: UInt32(image.width), height: UInt32(image.height),
        channels: UInt8(image.colorModel.rawValue), bit_depth: UInt8(image.bitDepth))
      let callback: cpng_sink = { context, bytes, count in
        let sink = context!.assumingMemoryBound(to: Sink.self)
        do {
          try sink.pointee.write(UnsafeRawBufferPointer(start: bytes, count: count))
          return true
        } catch {
          sink.pointee.error = error
          return false
        }
      }
      let metadata = image.metadata.applicable(to: image.colorModel)
      try image.withUnsafeSampleBytes { pixels in
        try metadata.withUnsafeMetadata { metadata in
          try withUnsafeMutablePointer(to: &sink) { sink in
            do {
              let _: Void = try orThrow(name, "cannot encode") { message in
                cpng_write(&format, pixels.baseAddress, &metadata, 6, callback, sink, message) ? () : nil
              }
            } catch { throw sink.pointee.error ?? error }
          }
        }
      }
    }
  }
}

extension cpng_limits {
  fileprivate init(_ limits: PNG.Limits) {
    self.init(
      max_width: UInt32(clamping: limits.width), max_height: UInt32(clamping: limits.height),
      max_pixel_bytes: UInt64(clamping: limits.pixelBytes), max_pixels: UInt64(clamping: limits.pixels),
      max_metadata_bytes: UInt64(clamping: limits.metadataBytes))
  }
}

extension Image {
  fileprivate func withUnsafeSampleBytes<Result>(
    _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    switch samples {
    case .eight(let samples): try samples.withUnsafeBytes(body)
    case .sixteen(let samples): try samples.withUnsafeBytes(body)
    }
  }
}
