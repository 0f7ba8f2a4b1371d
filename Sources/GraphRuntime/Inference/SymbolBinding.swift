import ONNXParse

/// What the symbols of a graph's declared input shapes stand for, once inputs of given shapes come.
struct SymbolBinding {
  /// The number each symbol stands for.
  private(set) var numbers: [String: Int] = [:]
  /// Symbols of the declared input shapes: the only ones that mean something outside an expression's own text.
  private let inputSymbols: Set<String>
  /// Whether any input's type was given.
  private var isSpecialised = false

  init(of graph: Graph) {
    var symbols: Set<String> = []
    for id in graph.inputs {
      for case .symbolic(let expression) in graph[id].type?.tensor?.shape ?? [] {
        symbols.formUnion(expression.terms.keys)
      }
    }
    inputSymbols = symbols
  }

  /// Matches a given input type with the declared one.
  /// - Throws: `GraphError` where they contradict each other, or a symbol would stand for two numbers.
  mutating func bind(_ name: String, declared: ValueType?, given: TensorType) throws {
    isSpecialised = true
    guard let declared else { return }
    let mismatch = GraphError(
      .invalidInput, "input '\(name)' is declared as \(declared), but given as \(given)")
    guard case .tensor(let declared) = declared, declared.elementType == given.elementType else {
      throw mismatch
    }
    guard let shape = declared.shape, let givenShape = given.shape else { return }
    guard shape.count == givenShape.count else { throw mismatch }
    for (dimension, extent) in zip(shape, givenShape) {
      guard let extent = extent.value else { continue }
      switch dimension {
      case .fixed(let value): if value != extent { throw mismatch }
      case .symbolic(let expression): try bind(expression, to: extent, input: name)
      case .unknown: break
      }
    }
  }

  private mutating func bind(_ expression: SymbolicExpression, to extent: Int, input: String) throws {
    guard expression.terms.count == 1, let (symbol, coefficient) = expression.terms.first else { return }
    let (offset, overflow) = extent.subtractingReportingOverflow(expression.constant)
    guard !overflow, coefficient != 0, offset % coefficient == 0 else {
      throw GraphError(.invalidInput, "input '\(input)' can't have the extent \(extent) for \(expression)")
    }
    let number = offset / coefficient
    if let bound = numbers.updateValue(number, forKey: symbol), bound != number {
      throw GraphError(
        .invalidInput, "input '\(input)' has \(number) for '\(symbol)', which is \(bound) in another input")
    }
  }

  /// A declared type in terms of what is bound; an expression that is not wholly known is dropped, because it may hold
  /// a bound symbol in its text.
  func resolve(_ type: ValueType) -> ValueType {
    guard isSpecialised else { return type }
    switch type {
    case .tensor(var tensor):
      tensor.shape = tensor.shape?.map(resolve)
      return .tensor(tensor)
    case .sequence(let element): return .sequence(element.map(resolve))
    case .optional(let element): return .optional(element.map(resolve))
    }
  }

  private func resolve(_ dimension: Dimension) -> Dimension {
    guard case .symbolic(let expression) = dimension else { return dimension }
    var result = Dimension.fixed(expression.constant)
    for (symbol, coefficient) in expression.terms {
      if let number = numbers[symbol] {
        result = result + .fixed(number) * .fixed(coefficient)
      } else if inputSymbols.contains(symbol) {
        result = result + .symbol(symbol) * .fixed(coefficient)
      } else {
        return .unknown
      }
    }
    return result
  }
}

extension ValueType {
  /// This inferred type, completed by what the model declares; nil where the two contradict each other.
  func merged(withDeclared declared: ValueType) -> ValueType? {
    switch (self, declared) {
    case (.tensor(let inferred), .tensor(let declared)):
      return inferred.merged(withDeclared: declared).map(ValueType.tensor)
    case (.sequence(let inferred), .sequence(let declared)):
      return ValueType.merge(inferred, declared).map(ValueType.sequence)
    case (.optional(let inferred), .optional(let declared)):
      return ValueType.merge(inferred, declared).map(ValueType.optional)
    default: return nil
    }
  }

  private static func merge(_ inferred: ValueType?, _ declared: ValueType?) -> ValueType?? {
    guard let inferred, let declared else { return .some(inferred ?? declared) }
    return inferred.merged(withDeclared: declared).map(Optional.some)
  }
}

extension TensorType {
  fileprivate func merged(withDeclared declared: TensorType) -> TensorType? {
    guard elementType == declared.elementType else { return nil }
    guard let shape, let declaredShape = declared.shape else {
      return TensorType(elementType, shape ?? declared.shape, layout: layout)
    }
    guard shape.count == declaredShape.count else { return nil }
    var merged: Shape = []
    for pair in zip(shape, declaredShape) {
      switch pair {
      case (.fixed(let a), .fixed(let b)) where a != b: return nil
      case (.unknown, let declared): merged.append(declared)
      case (let inferred, _): merged.append(inferred)
      }
    }
    return TensorType(elementType, merged, layout: layout)
  }
}
