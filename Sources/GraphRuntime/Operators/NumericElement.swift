import Glibc
import ONNXParse

/// An element type with the arithmetic of ONNX's element-wise operators and reductions.
///
/// Integers wrap around and never trap; float16 and bfloat16 are widened to `Float` before they get here.
protocol NumericElement: TensorElement, Numeric, Comparable, Hashable {
  static var one: Self { get }
  /// The identity of maximum: minus infinity, or the least integer.
  static var lowest: Self { get }
  /// The identity of minimum.
  static var highest: Self { get }

  func plus(_ other: Self) -> Self
  func minus(_ other: Self) -> Self
  func times(_ other: Self) -> Self
  /// The quotient; integers truncate it, and give 0 for a divisor of 0.
  func over(_ other: Self) -> Self
  /// This number to the power of `exponent`; integers give 0 where the result is a fraction.
  func power(_ exponent: Self) -> Self
  /// The remainder with the divisor's sign, as Python has it (`truncating` false), or with the dividend's, as C has it.
  func remainder(by divisor: Self, truncating: Bool) -> Self
  /// The larger number; a NaN wins.
  func maximum(_ other: Self) -> Self
  /// The smaller number; a NaN wins.
  func minimum(_ other: Self) -> Self
  var absolute: Self { get }
  var negated: Self { get }
  var signum: Self { get }
  var isNotANumber: Bool { get }

  /// The number as a `Double`, rounded where it must be.
  var double: Double { get }
  /// The number nearest to `double`; integers truncate it and stay within their range.
  init(clamping double: Double)
}

extension Float: NumericElement {
  @inline(__always) func power(_ exponent: Float) -> Float { Float.pow(cBase: self, exponent) }
}

extension Double: NumericElement {
  @inline(__always) func power(_ exponent: Double) -> Double { Double.pow(cBase: self, exponent) }
}

extension Float {
  /// C's pow, which has a negative base to an integral power.
  @inline(__always) fileprivate static func pow(cBase base: Float, _ exponent: Float) -> Float {
    powf(base, exponent)
  }
}

extension Double {
  @inline(__always) fileprivate static func pow(cBase base: Double, _ exponent: Double) -> Double {
    Glibc.pow(base, exponent)
  }
}

extension NumericElement where Self: BinaryFloatingPoint {
  static var one: Self { 1 }
  static var lowest: Self { -.infinity }
  static var highest: Self { .infinity }

  @inline(__always) func plus(_ other: Self) -> Self { self + other }
  @inline(__always) func minus(_ other: Self) -> Self { self - other }
  @inline(__always) func times(_ other: Self) -> Self { self * other }
  @inline(__always) func over(_ other: Self) -> Self { self / other }
  @inline(__always) func remainder(by divisor: Self, truncating: Bool) -> Self {
    let remainder = truncatingRemainder(dividingBy: divisor)
    if truncating || remainder == 0 || (remainder < 0) == (divisor < 0) { return remainder }
    return remainder + divisor
  }
  @inline(__always) func maximum(_ other: Self) -> Self { self > other || isNaN ? self : other }
  @inline(__always) func minimum(_ other: Self) -> Self { self < other || isNaN ? self : other }
  @inline(__always) var absolute: Self { magnitude }
  @inline(__always) var negated: Self { -self }
  @inline(__always) var signum: Self { self > 0 ? 1 : self < 0 ? -1 : self }
  @inline(__always) var isNotANumber: Bool { isNaN }
  @inline(__always) var double: Double { Double(self) }
  @inline(__always) init(clamping double: Double) { self.init(double) }
}

extension NumericElement where Self: FixedWidthInteger {
  static var one: Self { 1 }
  static var lowest: Self { .min }
  static var highest: Self { .max }

  @inline(__always) func plus(_ other: Self) -> Self { self &+ other }
  @inline(__always) func minus(_ other: Self) -> Self { self &- other }
  @inline(__always) func times(_ other: Self) -> Self { self &* other }
  @inline(__always) func over(_ other: Self) -> Self {
    other == 0 ? 0 : dividedReportingOverflow(by: other).partialValue
  }
  func power(_ exponent: Self) -> Self {
    if exponent < 0 {
      // A fraction but for bases 1 and -1.
      if self == 1 { return 1 }
      return Self.isSigned && self == 0 &- 1 ? (exponent & 1 == 0 ? 1 : self) : 0
    }
    var result: Self = 1
    var base = self
    var exponent = exponent
    while exponent > 0 {
      if exponent & 1 == 1 { result = result &* base }
      base = base &* base
      exponent >>= 1
    }
    return result
  }
  @inline(__always) func remainder(by divisor: Self, truncating: Bool) -> Self {
    if divisor == 0 { return 0 }
    let remainder = remainderReportingOverflow(dividingBy: divisor).partialValue
    if truncating || remainder == 0 || (remainder < 0) == (divisor < 0) { return remainder }
    return remainder &+ divisor
  }
  @inline(__always) func maximum(_ other: Self) -> Self { Swift.max(self, other) }
  @inline(__always) func minimum(_ other: Self) -> Self { Swift.min(self, other) }
  @inline(__always) var absolute: Self { self < 0 ? 0 &- self : self }
  @inline(__always) var negated: Self { 0 &- self }
  @inline(__always) var signum: Self { self > 0 ? 1 : self < 0 ? 0 &- 1 : 0 }
  @inline(__always) var isNotANumber: Bool { false }
  @inline(__always) var double: Double { Double(self) }
  @inline(__always) init(clamping double: Double) {
    if double.isNaN {
      self = 0
    } else {
      self = Self(exactly: double.rounded(.towardZero)) ?? (double < 0 ? .min : .max)
    }
  }
}

extension Int8: NumericElement {}
extension Int16: NumericElement {}
extension Int32: NumericElement {}
extension Int64: NumericElement {}
extension UInt8: NumericElement {}
extension UInt16: NumericElement {}
extension UInt32: NumericElement {}
extension UInt64: NumericElement {}
