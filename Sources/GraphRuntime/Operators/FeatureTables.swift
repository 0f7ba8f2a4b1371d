import ONNXParse

/// Operators of the domain ai.onnx.ml on features: LabelEncoder-4, Binarizer-1, ArrayFeatureExtractor-1.
enum FeatureTables {
  static let operators: [Operator] = [
    Operator(
      OperatorName("LabelEncoder", domain: "ai.onnx.ml"), inputs: 1...1,
      infer: { inference in
        inference.set(0, try values(of: inference.node).table.elementType, inference.shape(0))
      }, evaluate: encode),
    Operator(
      OperatorName("Binarizer", domain: "ai.onnx.ml"), inputs: 1...1, sharing: .overwrites([0]),
      infer: { $0.same() }, kernel: numeric(BinarizerKernel.self)),
    Operator(
      OperatorName("ArrayFeatureExtractor", domain: "ai.onnx.ml"), inputs: 2...2,
      infer: { inference in
        let count = inference.shape(1)?.reduce(1, *) ?? .unknown
        let leading = inference.shape(0).map { $0.count == 1 ? [1] : Array($0.dropLast()) }
        inference.set(0, inference.elementType(0), leading.map { $0 + [count] })
      }, evaluate: extract),
  ]

  // MARK: LabelEncoder

  /// The values that keys stand for, with the default behind them.
  private static func values(of node: Node) throws -> (table: Tensor, count: Int) {
    let fallback = node.attributes["default_tensor"]?.tensor
    if let strings = node.attributes["values_strings"]?.strings {
      let last = try fallback?.strings?.first ?? node.string("default_string", default: "_Unused")
      return (try Tensor(shape: [strings.count + 1], strings: strings + [last]), strings.count)
    }
    if let integers = try node.ints("values_int64s") {
      let last = try fallback?.integers?.first ?? node.int("default_int64", default: -1)
      return (Tensor((integers + [last]).map(Int64.init), shape: [integers.count + 1]), integers.count)
    }
    if let floats = node.attributes["values_floats"]?.floats {
      let last = try node.float("default_float", default: -0.0)
      return (Tensor(floats + [last], shape: [floats.count + 1]), floats.count)
    }
    guard let table = node.attributes["values_tensor"]?.tensor else {
      throw GraphError(.invalidAttribute, "the values are missing")
    }
    return (try appending(fallback, to: table), table.count)
  }

  private static func appending(_ last: Tensor?, to table: Tensor) throws -> Tensor {
    if let strings = table.strings {
      return try Tensor(shape: [table.count + 1], strings: strings + [last?.strings?.first ?? "_Unused"])
    }
    let number = last?.firstNumber ?? (table.elementType.isInteger ? -1 : -0.0)
    let cast = Evaluation(node: Node.unnamed("Cast"), inputs: [], run: { _, _ in [] })
    let element = try cast.compute(
      "Cast", [Tensor([number], shape: [1])], ["to": .int(Int(table.elementType.rawValue))])
    return try cast.compute("Concat", [table.reshaped(to: [table.count]), element], ["axis": .int(0)])
  }

  private static func encode(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let input = try evaluation.tensor(0)
    let node = evaluation.node
    let (table, count) = try values(of: node)
    let keys: [Key]
    if let strings = node.attributes["keys_strings"]?.strings {
      keys = strings.map(Key.text)
    } else if let integers = try node.ints("keys_int64s") {
      keys = integers.map { .integer($0) }
    } else if let floats = node.attributes["keys_floats"]?.floats {
      keys = floats.map { Key($0.double) }
    } else if let tensor = node.attributes["keys_tensor"]?.tensor {
      keys = try Key.list(tensor)
    } else {
      throw GraphError(.invalidAttribute, "the keys are missing")
    }
    guard keys.count == count else {
      throw GraphError(.invalidAttribute, "\(keys.count) keys for \(count) values")
    }
    // The first of equal keys counts.
    let places = Dictionary(zip(keys, 0...)) { first, _ in first }
    let indices = try Key.list(input).map { Int64(places[$0] ?? count) }
    return [.tensor(try evaluation.compute("Gather", [table, Tensor(indices, shape: input.shape)]))]
  }

  /// A key: what makes two elements the same.
  private enum Key: Hashable {
    case text(String)
    case integer(Int)
    case number(UInt64)

    /// All NaNs are one key, and so are both zeros.
    init(_ value: Double) { self = .number(value.isNaN ? Double.nan.bitPattern : (value + 0).bitPattern) }

    static func list(_ tensor: Tensor) throws -> [Key] {
      if let strings = tensor.strings { return strings.map(Key.text) }
      if let integers = tensor.integers { return integers.map { .integer($0) } }
      return try (HalfWidth.widen(tensor) ?? tensor).elementType.visit(
        Reader(tensor: HalfWidth.widen(tensor) ?? tensor))
    }

    private struct Reader: NumericVisitor {
      let tensor: Tensor
      func visit<Element: NumericElement>(_: Element.Type) -> [Key] {
        tensor.elements(Element.self).map { Key($0.double) }
      }
    }
  }

  // MARK: ArrayFeatureExtractor

  /// Columns of the last axis.
  private static func extract(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let (data, columns) = (try evaluation.tensor(0), try evaluation.tensor(1))
    guard !data.shape.isEmpty else { throw GraphError(.shapeMismatch, "a scalar has no columns") }
    let taken = try evaluation.compute(
      "Gather", [data, columns.reshaped(to: [columns.count])], ["axis": .int(-1)])
    return [.tensor(data.shape.count == 1 ? try taken.reshaped(to: [1, columns.count]) : taken)]
  }
}

/// 1 for what is larger than the threshold, else 0.
private enum BinarizerKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let threshold = Double(try builder.node.float("threshold", default: 0))
    builder.emit { memory in
      memory.map(memory.input(source, as: Element.self), memory.output(target), count: target.count) {
        $0.double > threshold ? Element.one : Element.zero
      }
    }
  }
}

extension Node {
  /// A node that stands for no node of a graph.
  static func unnamed(_ op: OperatorName) -> Node {
    Node(id: .init(rawValue: 0), name: "", op: op, inputs: [], outputs: [], attributes: [:])
  }
}
