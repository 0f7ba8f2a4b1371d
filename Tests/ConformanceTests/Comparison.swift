import Foundation
import GraphRuntime

/// Compares values as the standard's own runner does: |a - b| <= atol + rtol·|b|, NaN equal to NaN, and two units in
/// the last place for bfloat16.
struct Comparison {
  let rtol: Double
  let atol: Double

  /// How `actual` differs from `expected`; nil if it does not.
  func difference(_ actual: RuntimeValue, _ expected: RuntimeValue) -> String? {
    switch (actual, expected) {
    case (.tensor(let actual), .tensor(let expected)): return difference(actual, expected)
    case (.sequence(let actual), .sequence(let expected)):
      guard actual.count == expected.count else {
        return "\(actual.count) elements, expected \(expected.count)"
      }
      return zip(actual, expected).lazy.compactMap { difference($0, $1) }.first
    case (.optional(let actual), .optional(let expected)):
      switch (actual, expected) {
      case (nil, nil): return nil
      case (let actual?, let expected?): return difference(actual, expected)
      default: return "is \(actual == nil ? "empty" : "given"), expected otherwise"
      }
    case (.tensor, .optional(let expected?)), (.sequence, .optional(let expected?)):
      return difference(actual, expected)
    default: return "is a \(actual.type), expected a \(expected.type)"
    }
  }

  private func difference(_ actual: Tensor, _ expected: Tensor) -> String? {
    guard actual.elementType == expected.elementType, actual.shape == expected.shape else {
      return "is \(actual), expected \(expected)"
    }
    if let expected = expected.strings { return actual.strings == expected ? nil : "strings differ" }
    guard let a = actual.doubles, let b = expected.doubles else {
      return actual.hasBytes(of: expected) ? nil : "bytes differ"
    }
    let relative = actual.elementType == .bfloat16 ? max(rtol, 0x1p-6) : rtol
    for index in a.indices where a[index] != b[index] && !(a[index].isNaN && b[index].isNaN) {
      if !(abs(a[index] - b[index]) <= atol + relative * abs(b[index])) || b[index].isInfinite {
        return "element \(index) is \(a[index]), expected \(b[index])"
      }
    }
    return nil
  }
}

extension Tensor {
  /// The elements as `Double`; nil for the types that are compared bit by bit.
  fileprivate var doubles: [Double]? {
    switch elementType {
    case .float32: elements(Float.self).map(Double.init)
    case .float64: elements(Double.self)
    case .float16: elements(Float16.self).map(Double.init)
    case .bfloat16: halfWidthBits.map { Double(Float(bitPattern: UInt32($0) << 16)) }
    default: integers.map { $0.map(Double.init) }
    }
  }

  private var halfWidthBits: [UInt16] {
    bytes?.withUnsafeBytes { bytes in
      (0..<bytes.count / 2).map { bytes.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self) }
    } ?? []
  }

  fileprivate func hasBytes(of other: Tensor) -> Bool {
    guard let a = bytes, let b = other.bytes else { return false }
    return a.withUnsafeBytes { a in b.withUnsafeBytes { b in a.elementsEqual(b) } }
  }
}
