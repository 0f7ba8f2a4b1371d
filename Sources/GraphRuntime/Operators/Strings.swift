import ONNXParse
import _StringProcessing

/// Operators on strings; they compute at once, in the interpreter.
enum Strings {
  static let operators: [Operator] = [
    // StringConcat-20, with broadcasting.
    Operator("StringConcat", inputs: 2...2, infer: { try $0.broadcastAll(.string) }, evaluate: concat),
    Operator(
      "StringSplit", inputs: 1...1, outputs: 1...2,
      infer: { inference in
        inference.set(0, .string, inference.shape(0).map { $0 + [.unknown] })
        inference.set(1, .int64, inference.shape(0))
      }, evaluate: split),
    Operator(
      "StringNormalizer", inputs: 1...1,
      infer: { inference in
        inference.set(0, .string, inference.shape(0).map { Array($0.dropLast()) + [.unknown] })
      },
      evaluate: normalize),
    // RegexFullMatch-20.
    Operator(
      "RegexFullMatch", inputs: 1...1, infer: { $0.set(0, .bool, $0.shape(0)) }, evaluate: fullMatch),
  ]

  private static func concat(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let (a, b) = (try evaluation.strings(0), try evaluation.strings(1))
    // The broadcast is worked out on indices.
    let places = try evaluation.broadcastIndices([a.shape, b.shape])
    let joined = zip(places.indices[0], places.indices[1]).map { a.strings[$0] + b.strings[$1] }
    return [.tensor(try Tensor(shape: places.shape, strings: joined))]
  }

  /// StringSplit-20: the parts between delimiters (runs of whitespace where it is empty), filled up with empty strings.
  private static func split(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let input = try evaluation.strings(0)
    let delimiter = try evaluation.node.string("delimiter", default: "")
    let limit = evaluation.node.attributes["maxsplit"] == nil ? nil : try evaluation.node.int("maxsplit")
    let parts = input.strings.map { Self.parts(of: $0, delimiter: delimiter, limit: limit) }
    let width = parts.map(\.count).max() ?? 0
    let filled = parts.flatMap { $0 + Array(repeating: "", count: width - $0.count) }
    return [
      .tensor(try Tensor(shape: input.shape + [width], strings: filled)),
      .tensor(Tensor(parts.map { Int64($0.count) }, shape: input.shape)),
    ]
  }

  private static func parts(of text: String, delimiter: String, limit: Int?) -> [String] {
    let limit = limit.map { max($0, 0) } ?? .max
    guard !delimiter.isEmpty else {
      return text.split(maxSplits: limit, omittingEmptySubsequences: true, whereSeparator: \.isWhitespace)
        .map { String($0.drop(while: \.isWhitespace)) }
    }
    if text.isEmpty { return [] }
    return text.split(separator: delimiter, maxSplits: limit, omittingEmptySubsequences: false).map(
      String.init)
  }

  /// StringNormalizer-10: without stopwords, in another case; a lone empty string where nothing is left.
  private static func normalize(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let input = try evaluation.strings(0)
    guard input.shape.count == 1 || input.shape.count == 2 && input.shape[0] == 1 else {
      throw GraphError(.shapeMismatch, "the input must be [C] or [1, C], not \(input.shape)")
    }
    let isCaseSensitive = try evaluation.node.flag("is_case_sensitive", default: false)
    func key(_ text: String) -> String { isCaseSensitive ? text : text.lowercased() }
    let stopwords = Set((evaluation.node.attributes["stopwords"]?.strings ?? []).map(key))
    let kept = input.strings.filter { !stopwords.contains(key($0)) }
    let changed: [String]
    switch try evaluation.node.string("case_change_action", default: "NONE") {
    case "LOWER": changed = kept.map { $0.lowercased() }
    case "UPPER": changed = kept.map { $0.uppercased() }
    case "NONE": changed = kept
    case let other: throw GraphError(.invalidAttribute, "case_change_action '\(other)' is not known")
    }
    let result = changed.isEmpty ? [""] : changed
    return [.tensor(try Tensor(shape: input.shape.dropLast() + [result.count], strings: result))]
  }

  private static func fullMatch(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let input = try evaluation.strings(0)
    let pattern = try evaluation.node.string("pattern", default: "")
    guard let regex = try? Regex(pattern) else {
      throw GraphError(.invalidAttribute, "pattern '\(pattern)' is not a regular expression")
    }
    // Word boundaries by character class, as everywhere but in Swift.
    let simple = regex.wordBoundaryKind(.simple)
    let matches = try input.strings.map { try simple.wholeMatch(in: $0) != nil }
    return [.tensor(Tensor(matches, shape: input.shape))]
  }
}

extension Evaluation {
  /// The strings of input `index`, and their shape.
  func strings(_ index: Int) throws -> (strings: [String], shape: [Int]) {
    let tensor = try tensor(index)
    guard let strings = tensor.strings else {
      throw GraphError(.unsupportedType, "input \(index) must hold strings, not \(tensor.elementType)")
    }
    return (strings, tensor.shape)
  }

  /// For tensors of these shapes broadcast together: the common shape, and which element of each stands where.
  func broadcastIndices(_ shapes: [[Int]]) throws -> (shape: [Int], indices: [[Int]]) {
    var result: [Int] = []
    for shape in shapes {
      let rank = max(result.count, shape.count)
      let a = Array(repeating: 1, count: rank - result.count) + result
      let b = Array(repeating: 1, count: rank - shape.count) + shape
      result = try zip(a, b).map { x, y in
        guard x == y || x == 1 || y == 1 else {
          throw GraphError(.shapeMismatch, "extents \(x) and \(y) can't be broadcast")
        }
        return x == 1 ? y : x
      }
    }
    let walk = Broadcast(output: result, operands: shapes)
    var indices = Array(repeating: [Int](), count: shapes.count)
    for row in 0..<walk.rows {
      let base = walk.offsets(ofRow: row)
      for place in 0..<walk.inner.extent {
        for lane in shapes.indices { indices[lane].append(base[lane] + place * walk.inner.strides[lane]) }
      }
    }
    return (result, indices)
  }
}

/// Cast between strings and numbers.
enum TextConversion {
  /// Numbers are read as C reads them; float and double are written with the fewest digits that give them back.
  static func cast(_ evaluation: Evaluation, to type: ElementType) throws -> [RuntimeValue?] {
    let tensor = try evaluation.tensor(0)
    guard let strings = tensor.strings else {
      return [.tensor(try Tensor(shape: tensor.shape, strings: write(tensor)))]
    }
    if type == .string { return [.tensor(tensor)] }
    if type.isInteger, let exact = try integers(strings, shape: tensor.shape) {
      return [.tensor(try evaluation.compute("Cast", [exact], ["to": .int(Int(type.rawValue))]))]
    }
    let numbers = try strings.map { text in
      guard let number = number(text) else { throw GraphError(.invalidInput, "'\(text)' is not a number") }
      return number
    }
    return [
      .tensor(
        try evaluation.compute(
          "Cast", [Tensor(numbers, shape: tensor.shape)], ["to": .int(Int(type.rawValue))]))
    ]
  }

  private static func integers(_ strings: [String], shape: [Int]) throws -> Tensor? {
    let values = strings.compactMap { Int64($0) }
    return values.count == strings.count ? Tensor(values, shape: shape) : nil
  }

  private static func number(_ text: String) -> Double? {
    switch text {
    case "+INF", "INF", "+inf", "inf": .infinity
    case "-INF", "-inf": -.infinity
    case "NaN", "nan": .nan
    default: Double(text)
    }
  }

  private static func write(_ tensor: Tensor) throws -> [String] {
    if tensor.elementType == .bool { return tensor.elements(Bool.self).map { $0 ? "1" : "0" } }
    let numbers = HalfWidth.widen(tensor) ?? tensor
    return try numbers.elementType.visit(Writer(tensor: numbers))
  }

  private struct Writer: NumericVisitor {
    let tensor: Tensor

    func visit<Element: NumericElement>(_: Element.Type) -> [String] {
      tensor.elements(Element.self).map { element in
        let value = element.double
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-INF" : "INF" }
        let text = "\(element)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
      }
    }
  }
}
