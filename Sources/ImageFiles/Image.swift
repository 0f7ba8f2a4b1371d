/// A picture: rows from the top, samples of 8 or 16 bits interleaved, and what came with them.
public struct Image: Sendable, Equatable {
  /// What the samples of a pixel mean; the raw value is their number.
  public enum ColorModel: Int, Sendable, CaseIterable {
    case grey = 1
    case greyAlpha = 2
    case rgb = 3
    case rgba = 4

    public var hasAlpha: Bool { self == .greyAlpha || self == .rgba }
    public var isColor: Bool { self == .rgb || self == .rgba }
    /// Samples a pixel without alpha: 1 or 3.
    public var colorChannels: Int { isColor ? 3 : 1 }
  }

  /// The samples, `height * width * channels` of them.
  public enum Samples: Sendable, Equatable {
    case eight([UInt8])
    case sixteen([UInt16])

    public var count: Int {
      switch self {
      case .eight(let samples): samples.count
      case .sixteen(let samples): samples.count
      }
    }

    /// Bits a sample: 8 or 16.
    public var bitDepth: Int { if case .eight = self { 8 } else { 16 } }
  }

  public let width: Int
  public let height: Int
  public let colorModel: ColorModel
  public let samples: Samples
  public var metadata: Metadata

  /// - Precondition: the extents are at least 1, and there are `height * width * channels` samples.
  public init(
    width: Int, height: Int, colorModel: ColorModel, samples: Samples, metadata: Metadata = Metadata()
  ) {
    precondition(width > 0 && height > 0 && samples.count == width * height * colorModel.rawValue)
    self.width = width
    self.height = height
    self.colorModel = colorModel
    self.samples = samples
    self.metadata = metadata
  }

  public var bitDepth: Int { samples.bitDepth }

  /// Whether no pixel has a hue: a grey picture, or one in colour whose red, green and blue agree everywhere.
  public var isGrey: Bool {
    guard colorModel.isColor else { return true }
    switch samples {
    case .eight(let samples): return Self.channelsAgree(samples, channels: colorModel.rawValue)
    case .sixteen(let samples): return Self.channelsAgree(samples, channels: colorModel.rawValue)
    }
  }

  private static func channelsAgree<Sample: Equatable>(_ samples: [Sample], channels: Int) -> Bool {
    for pixel in stride(from: 0, to: samples.count, by: channels) {
      let red = samples[pixel]
      if samples[pixel + 1] != red || samples[pixel + 2] != red { return false }
    }
    return true
  }
}

extension Image {
  /// What a picture carries besides its pixels, so that it can be handed on to a picture made from it.
  public struct Metadata: Sendable, Equatable {
    /// A text by its keyword (`Author`, `Description`...).
    public struct Text: Sendable, Equatable {
      public var keyword: String
      public var value: String

      public init(keyword: String, value: String) {
        self.keyword = keyword
        self.value = value
      }
    }

    /// Pixels a metre where `isPerMetre`, else the proportion of a pixel's sides.
    public struct Resolution: Sendable, Equatable {
      public var x: UInt32
      public var y: UInt32
      public var isPerMetre: Bool
    }

    /// An ICC colour profile.
    public var iccProfile: [UInt8]?
    /// An EXIF block, from its byte order mark on.
    public var exif: [UInt8]?
    public var texts: [Text] = []
    /// The rendering intent where the picture says it is sRGB.
    public var srgbIntent: Int?
    /// The gamma of the samples, in 1/100000.
    public var gamma: Int32?
    /// x and y of white, red, green and blue, in 1/100000.
    public var chromaticities: [Int32]?
    public var resolution: Resolution?

    public init() {}

    /// What of this holds for a picture of another colour model: a profile is for RGB or for grey, as its header says.
    public func applicable(to colorModel: ColorModel) -> Metadata {
      var result = self
      if let iccProfile {
        let space = String(decoding: iccProfile.dropFirst(16).prefix(4), as: UTF8.self)
        if space != (colorModel.isColor ? "RGB " : "GRAY") { result.iccProfile = nil }
      }
      return result
    }
  }
}
