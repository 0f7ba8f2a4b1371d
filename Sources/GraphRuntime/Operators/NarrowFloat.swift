import ONNXParse

/// The floating-point formats of 8 and 4 bits, by what tells them apart.
///
/// The formats are those of ONNX's technical note on float8 and of the OCP Microscaling specification.
struct NarrowFloat: Sendable {
  let exponentBits: Int
  let mantissaBits: Int
  let bias: Int
  /// What the highest codes mean.
  let specials: Specials

  enum Specials: Sendable {
    /// Infinities and NaNs as IEEE 754 has them.
    case ieee
    /// No infinity; a NaN has all bits set but the sign.
    case allOnesIsNaN
    /// No infinity and no negative zero, whose code is the only NaN.
    case negativeZeroIsNaN
    /// Finite only.
    case none
  }

  static let float8e4m3fn = NarrowFloat(exponentBits: 4, mantissaBits: 3, bias: 7, specials: .allOnesIsNaN)
  static let float8e4m3fnuz = NarrowFloat(
    exponentBits: 4, mantissaBits: 3, bias: 8, specials: .negativeZeroIsNaN)
  static let float8e5m2 = NarrowFloat(exponentBits: 5, mantissaBits: 2, bias: 15, specials: .ieee)
  static let float8e5m2fnuz = NarrowFloat(
    exponentBits: 5, mantissaBits: 2, bias: 16, specials: .negativeZeroIsNaN)
  static let float4e2m1 = NarrowFloat(exponentBits: 2, mantissaBits: 1, bias: 1, specials: .none)
  /// A power of two without sign and mantissa: the scale of a microscaled block.
  static let float8e8m0 = NarrowFloat(exponentBits: 8, mantissaBits: 0, bias: 127, specials: .none)

  /// The format of an element type; nil for other types.
  init?(_ type: ElementType) {
    switch type {
    case .float8e4m3fn: self = .float8e4m3fn
    case .float8e4m3fnuz: self = .float8e4m3fnuz
    case .float8e5m2: self = .float8e5m2
    case .float8e5m2fnuz: self = .float8e5m2fnuz
    case .float4e2m1: self = .float4e2m1
    case .float8e8m0: self = .float8e8m0
    default: return nil
    }
  }

  private init(exponentBits: Int, mantissaBits: Int, bias: Int, specials: Specials) {
    self.exponentBits = exponentBits
    self.mantissaBits = mantissaBits
    self.bias = bias
    self.specials = specials
  }

  private var isScale: Bool { exponentBits == 8 }
  private var signShift: Int { exponentBits + mantissaBits }
  private var magnitudeMask: Int { (1 << signShift) - 1 }

  /// The code of the largest finite magnitude.
  private var largest: Int {
    switch specials {
    case .ieee: (((1 << exponentBits) - 1) << mantissaBits) - 1
    case .allOnesIsNaN: magnitudeMask - 1
    case .negativeZeroIsNaN, .none: magnitudeMask
    }
  }

  /// The value of a code.
  func decode(_ code: UInt8) -> Float {
    if isScale { return code == 0xff ? .nan : Float(sign: .plus, exponent: Int(code) - bias, significand: 1) }
    let magnitude = Int(code) & magnitudeMask
    let isNegative = Int(code) >> signShift & 1 == 1
    switch specials {
    case .ieee where magnitude > largest:
      return magnitude == largest + 1 ? (isNegative ? -.infinity : .infinity) : .nan
    case .allOnesIsNaN where magnitude > largest: return .nan
    case .negativeZeroIsNaN where isNegative && magnitude == 0: return .nan
    default: break
    }
    let exponent = magnitude >> mantissaBits
    let mantissa = magnitude & ((1 << mantissaBits) - 1)
    let significand = exponent == 0 ? mantissa : mantissa + (1 << mantissaBits)
    let value = Float(
      sign: .plus, exponent: max(exponent, 1) - bias - mantissaBits, significand: Float(significand))
    return isNegative ? -value : value
  }

  /// The code nearest to `value`, ties to even.
  func encode(_ value: Float, _ options: Conversion.Options) -> UInt8 {
    if isScale { return encodeScale(value, options) }
    let sign: Int = value.sign == .minus ? 1 << signShift : 0
    if value.isNaN { return UInt8(nan(sign)) }
    if value.isInfinite {
      return UInt8(options.saturate || specials == .none ? sign | largest : overflow(sign))
    }
    // In units of the last place of the format at this exponent; Float's rounding is exact there.
    let exponent = value == 0 ? 1 - bias : max(Int(value.exponent), 1 - bias)
    let units = Int(
      (value.magnitude * Float(sign: .plus, exponent: mantissaBits - exponent, significand: 1))
        .rounded(.toNearestOrEven))
    // A carry out of the mantissa runs into the exponent, as it should.
    let magnitude = units + ((exponent + bias - 1) << mantissaBits)
    if magnitude > largest {
      return UInt8(options.saturate || specials == .none ? sign | largest : overflow(sign))
    }
    if magnitude == 0, specials == .negativeZeroIsNaN { return 0 }
    return UInt8(sign | magnitude)
  }

  private func nan(_ sign: Int) -> Int {
    switch specials {
    case .ieee: sign | (largest + 3)
    case .allOnesIsNaN: sign | magnitudeMask
    case .negativeZeroIsNaN, .none: 1 << signShift
    }
  }

  private func overflow(_ sign: Int) -> Int { specials == .ieee ? sign | (largest + 1) : nan(sign) }

  /// The power of two next to |value|, by the round mode; 0xff for a NaN.
  private func encodeScale(_ value: Float, _ options: Conversion.Options) -> UInt8 {
    if value.isNaN { return 0xff }
    if value.isInfinite { return options.saturate ? 0xfe : 0xff }
    let bits = Int(value.magnitude.bitPattern)
    let (exponent, mantissa) = (bits >> 23, bits & 0x7f_ffff)
    let roundsUp =
      switch options.roundMode {
      case "up": exponent > 0 ? mantissa > 0 : mantissa > 0x40_0000
      // Below the least normal number, half way between 2^-127 and 2^-126 is three quarters of the latter.
      case "nearest": mantissa >= (exponent > 0 ? 0x40_0000 : 0x60_0000)
      default: false
      }
    let code = exponent + (roundsUp ? 1 : 0)
    return UInt8(code >= 0xff ? (options.saturate ? 0xfe : 0xff) : code)
  }
}
