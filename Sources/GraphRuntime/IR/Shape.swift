/// One extent of a shape: a number, an expression in named symbols (`N`, `2*H - 1`), or not known at all.
public enum Dimension: Sendable, Hashable {
  case fixed(Int)
  case symbolic(SymbolicExpression)
  case unknown

  /// A dimension that stands for the symbol `name`.
  public static func symbol(_ name: String) -> Dimension { .symbolic(SymbolicExpression(symbol: name)) }

  /// The extent where it is a number.
  public var value: Int? { if case .fixed(let value) = self { value } else { nil } }
}

extension Dimension: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: Int) { self = .fixed(value) }
}

extension Dimension: CustomStringConvertible {
  public var description: String {
    switch self {
    case .fixed(let value): "\(value)"
    case .symbolic(let expression): expression.description
    case .unknown: "?"
    }
  }
}

/// A linear expression `constant + Σ coefficient·symbol`; what is not linear becomes a symbol of its own, named by
/// its canonical text, so that equal expressions compare equal.
public struct SymbolicExpression: Sendable, Hashable {
  public internal(set) var terms: [String: Int]
  public internal(set) var constant: Int

  public init(symbol: String) {
    terms = [symbol: 1]
    constant = 0
  }

  init(terms: [String: Int], constant: Int) {
    self.terms = terms.filter { $0.value != 0 }
    self.constant = constant
  }
}

extension SymbolicExpression: CustomStringConvertible {
  public var description: String {
    var text = ""
    for (symbol, coefficient) in terms.sorted(by: { $0.key < $1.key }) {
      let sign = coefficient < 0 ? (text.isEmpty ? "-" : " - ") : (text.isEmpty ? "" : " + ")
      let magnitude = coefficient.magnitude
      text += sign + (magnitude == 1 ? symbol : "\(magnitude)*\(symbol)")
    }
    if constant != 0 || text.isEmpty {
      text += text.isEmpty ? "\(constant)" : (constant < 0 ? " - \(constant.magnitude)" : " + \(constant)")
    }
    return text
  }
}

extension Dimension {
  private var linear: SymbolicExpression? {
    switch self {
    case .fixed(let value): SymbolicExpression(terms: [:], constant: value)
    case .symbolic(let expression): expression
    case .unknown: nil
    }
  }

  private init(_ expression: SymbolicExpression) {
    self = expression.terms.isEmpty ? .fixed(expression.constant) : .symbolic(expression)
  }

  /// The longest name of a symbol that stands for an expression: names grow with what they are made of.
  private static let longestName = 256

  /// A symbol that stands for a non-linear expression; unknown where its name would grow too long.
  private static func opaque(_ text: String) -> Dimension {
    text.utf8.count > longestName ? .unknown : .symbol(text)
  }

  /// `constant` and the terms of `expressions`, each times its factor; unknown on overflow.
  private static func combination(_ expressions: [(SymbolicExpression, factor: Int)]) -> Dimension {
    var (terms, constant): ([String: Int], Int) = ([:], 0)
    func add(_ value: Int, _ factor: Int, to sum: inout Int) -> Bool {
      let (product, overflow) = value.multipliedReportingOverflow(by: factor)
      let (total, sumOverflow) = sum.addingReportingOverflow(product)
      sum = total
      return !overflow && !sumOverflow
    }
    for (expression, factor) in expressions {
      guard add(expression.constant, factor, to: &constant) else { return .unknown }
      for (symbol, coefficient) in expression.terms {
        guard add(coefficient, factor, to: &terms[symbol, default: 0]) else { return .unknown }
      }
    }
    return Dimension(SymbolicExpression(terms: terms, constant: constant))
  }

  private var operand: String {
    if case .symbolic(let expression) = self, expression.terms.count + (expression.constant == 0 ? 0 : 1) > 1
    {
      return "(\(self))"
    }
    return description
  }

  public static func + (a: Dimension, b: Dimension) -> Dimension {
    guard let x = a.linear, let y = b.linear else { return .unknown }
    return combination([(x, 1), (y, 1)])
  }

  public static func - (a: Dimension, b: Dimension) -> Dimension {
    guard let x = a.linear, let y = b.linear else { return .unknown }
    return combination([(x, 1), (y, -1)])
  }

  public static func * (a: Dimension, b: Dimension) -> Dimension {
    guard let x = a.linear, let y = b.linear else { return .unknown }
    if x.terms.isEmpty || y.terms.isEmpty {
      let (factor, expression) = x.terms.isEmpty ? (x.constant, y) : (y.constant, x)
      return combination([(expression, factor)])
    }
    return opaque([a.operand, b.operand].sorted().joined(separator: "*"))
  }

  /// The quotient rounded down, as convolution and pooling round.
  public static func floorDivide(_ a: Dimension, by divisor: Int) -> Dimension {
    guard divisor > 0, let x = a.linear else { return .unknown }
    if divisor == 1 { return a }
    if x.terms.isEmpty {
      let (quotient, remainder) = x.constant.quotientAndRemainder(dividingBy: divisor)
      return .fixed(remainder < 0 ? quotient - 1 : quotient)
    }
    if x.terms.values.allSatisfy({ $0 % divisor == 0 }) {
      let constant = Dimension.floorDivide(.fixed(x.constant), by: divisor).value!
      return Dimension(SymbolicExpression(terms: x.terms.mapValues { $0 / divisor }, constant: constant))
    }
    return opaque("floor(\(a.operand)/\(divisor))")
  }

  /// The quotient rounded towards 0, as integer Div rounds; unknown where it has no meaning.
  public static func truncatingDivide(_ a: Dimension, by b: Dimension) -> Dimension {
    guard let divisor = b.value, divisor != 0, let x = a.linear else { return .unknown }
    if x.terms.isEmpty {
      let (quotient, overflow) = x.constant.dividedReportingOverflow(by: divisor)
      return overflow ? .unknown : .fixed(quotient)
    }
    let parts = Array(x.terms.values) + [x.constant]
    // Symbols are not negative: where nothing is taken away, and where nothing is left over, it is the same as rounding down.
    if divisor > 0, parts.allSatisfy({ $0 >= 0 }) || parts.allSatisfy({ $0 % divisor == 0 }) {
      return floorDivide(a, by: divisor)
    }
    return opaque("trunc(\(a.operand)/\(divisor))")
  }

  /// The quotient rounded up.
  public static func ceilDivide(_ a: Dimension, by divisor: Int) -> Dimension {
    floorDivide(a + .fixed(divisor - 1), by: divisor)
  }
}

/// The extents of a tensor, outermost first; empty for a scalar.
public typealias Shape = [Dimension]

extension Array where Element == Dimension {
  /// A shape of plain numbers.
  public init(_ extents: [Int]) { self = extents.map(Dimension.fixed) }

  /// The extents where all are numbers.
  public var concrete: [Int]? {
    let values = compactMap(\.value)
    return values.count == count ? values : nil
  }
}

extension Array where Element == Int {
  /// The number of elements of a tensor of these extents; nil on overflow or a negative extent.
  ///
  /// An extent of 0 does not excuse the others: their product must be a number too, because strides are made of it.
  public var elementCount: Int? {
    var count = 1
    for extent in self {
      guard extent >= 0 else { return nil }
      let (product, overflow) = count.multipliedReportingOverflow(by: Swift.max(extent, 1))
      guard !overflow else { return nil }
      count = product
    }
    return contains(0) ? 0 : count
  }

  /// Row-major strides in elements.
  public var rowMajorStrides: [Int] {
    var strides = [Int](repeating: 1, count: count)
    for axis in indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * self[axis + 1] }
    return strides
  }
}
