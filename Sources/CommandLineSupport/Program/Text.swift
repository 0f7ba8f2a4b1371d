import Glibc

/// `12.3 %`.
func percent(_ probability: Float) -> String { decimal(probability * 100, digits: 1) + " %" }

/// A number with that many decimal places.
func decimal(_ value: some BinaryFloatingPoint, digits: Int) -> String {
  formatted("%.\(digits)f", Double(value))
}

/// A number as C's `printf` writes it.
func formatted(_ format: String, _ value: Double) -> String {
  withVaList([value]) { arguments in
    // No number has more digits before the point than the largest, 309.
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { buffer in
      vsnprintf(buffer.baseAddress, buffer.count, format, arguments)
      return String(cString: buffer.baseAddress!)
    }
  }
}

extension StringProtocol {
  /// The text without the white space around it.
  var trimmed: String {
    guard let first = firstIndex(where: { !$0.isWhitespace }),
      let last = lastIndex(where: { !$0.isWhitespace })
    else { return "" }
    return String(self[first...last])
  }

  /// The text, filled up with spaces to `width` characters.
  func padded(to width: Int) -> String { self + String(repeating: " ", count: Swift.max(0, width - count)) }
}
