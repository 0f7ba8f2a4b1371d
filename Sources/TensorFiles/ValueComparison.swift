import GraphRuntime

/// Compares computed values with expected ones as the ONNX standard's own test runner does:
/// |actual - expected| <= atol + rtol·|expected|, NaN equal to NaN; types and shapes must agree.
public struct ValueComparison: Sendable {
  /// nil for 1e-3, and for two units in the last place of bfloat16, which has 8 bits of precision.
  public var rtol: Double?
  public var atol: Double

  public init(rtol: Double? = nil, atol: Double = 1e-7) {
    self.rtol = rtol
    self.atol = atol
  }

  /// How well a value agrees.
  public struct Result: Sendable {
    /// The largest difference of two numbers.
    public internal(set) var largestDifference = 0.0
    /// What is wrong; nil where the values agree.
    public internal(set) var failure: String?
  }

  public func compare(_ actual: RuntimeValue, _ expected: RuntimeValue) -> Result {
    var result = Result()
    compare(actual, expected, into: &result)
    return result
  }

  private func compare(_ actual: RuntimeValue, _ expected: RuntimeValue, into result: inout Result) {
    switch (actual, expected) {
    case (.tensor(let actual), .tensor(let expected)): compare(actual, expected, into: &result)
    case (.sequence(let actual), .sequence(let expected)):
      guard actual.count == expected.count else {
        return result.fail("is a sequence of \(actual.count), expected \(expected.count)")
      }
      for (actual, expected) in zip(actual, expected) { compare(actual, expected, into: &result) }
    case (.optional(nil), .optional(nil)): break
    case (.optional(let actual?), .optional(let expected?)): compare(actual, expected, into: &result)
    case (_, .optional(let expected?)): compare(actual, expected, into: &result)
    default: result.fail("is a \(actual.type), expected a \(expected.type)")
    }
  }

  private func compare(_ actual: Tensor, _ expected: Tensor, into result: inout Result) {
    guard actual.elementType == expected.elementType, actual.shape == expected.shape else {
      return result.fail("is \(actual), expected \(expected)")
    }
    if let expected = expected.strings {
      if actual.strings != expected { result.fail("holds other strings than expected") }
      return
    }
    guard let a = actual.realNumbers, let b = expected.realNumbers else {
      if actual.bytes != expected.bytes { result.fail("holds other bits than expected") }
      return
    }
    let relative = rtol ?? (actual.elementType == .bfloat16 ? 0x1p-6 : 1e-3)
    let exact = actual.differences(from: expected)
    for index in a.indices where !(a[index].isNaN && b[index].isNaN) {
      let difference = exact?[index] ?? (a[index] == b[index] ? 0 : abs(a[index] - b[index]))
      if difference == 0 { continue }
      result.largestDifference = max(result.largestDifference, difference.isNaN ? .infinity : difference)
      if !(difference <= atol + relative * abs(b[index])) || b[index].isInfinite {
        result.fail("element \(index) is \(a[index]), expected \(b[index])")
      }
    }
  }
}

extension ValueComparison.Result {
  /// Notes a failure, where it is the first.
  fileprivate mutating func fail(_ message: String) { failure = failure ?? message }
}

extension Tensor {
  /// The elements as `Double`, complex numbers as pairs; nil for strings and for the narrow types that only bits tell apart.
  fileprivate var realNumbers: [Double]? {
    switch elementType {
    case .float32: return elements(Float.self).map { Double($0) }
    case .float64: return elements(Double.self)
    case .float16: return elements(Float16.self).map { Double($0) }
    case .bfloat16: return words(UInt16.self).map { Double(Float(bitPattern: UInt32($0) << 16)) }
    case .complex64: return words(UInt32.self).map { Double(Float(bitPattern: $0)) }
    case .complex128: return words(UInt64.self).map { Double(bitPattern: $0) }
    case .uint64: return elements(UInt64.self).map { Double($0) }
    default: return integers.map { $0.map { Double($0) } }
    }
  }

  /// How far the elements of 64-bit integers are apart, which may be less than `Double` tells; nil for other types.
  fileprivate func differences(from other: Tensor) -> [Double]? {
    func distances<Number: FixedWidthInteger & TensorElement>(_ type: Number.Type) -> [Double] {
      zip(elements(type), other.elements(type)).map { a, b in
        Double(Number.Magnitude(truncatingIfNeeded: a > b ? a &- b : b &- a))
      }
    }
    switch elementType {
    case .int64: return distances(Int64.self)
    case .uint64: return distances(UInt64.self)
    default: return nil
    }
  }

  private func words<Word: FixedWidthInteger & BitwiseCopyable>(_ type: Word.Type) -> [Word] {
    bytes?.withUnsafeBytes { bytes in
      (0..<bytes.count / MemoryLayout<Word>.size).map {
        bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Word>.size, as: Word.self)
      }
    } ?? []
  }
}
