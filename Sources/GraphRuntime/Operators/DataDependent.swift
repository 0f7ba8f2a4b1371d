import ONNXParse

/// Operators whose output shapes depend on their data: they compute at once, in the interpreter.
enum DataDependent {
  static let operators: [Operator] = [
    // NonZero-13: the indices of the elements that are not zero, [rank, count].
    Operator(
      "NonZero", inputs: 1...1,
      infer: { inference in
        inference.set(0, .int64, [inference.shape(0).map { .fixed($0.count) } ?? .unknown, .unknown])
      }, evaluate: nonZero),
    Operator("Compress", inputs: 2...2, infer: inferCompress, evaluate: compress),
    Operator("Unique", inputs: 1...1, outputs: 1...4, infer: inferUnique, evaluate: unique),
  ]

  private static func nonZero(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let tensor = try evaluation.tensor(0)
    let flags = try evaluation.compute("Cast", [tensor], ["to": .int(Int(ElementType.bool.rawValue))])
    let places = flags.elements(Bool.self).enumerated().filter(\.element).map(\.offset)
    return [
      .tensor(
        Tensor(coordinates(of: places, shape: tensor.shape), shape: [tensor.shape.count, places.count]))
    ]
  }

  /// The coordinates of elements, axis by axis.
  private static func coordinates(of places: [Int], shape: [Int]) -> [Int64] {
    let strides = shape.rowMajorStrides
    return shape.indices.flatMap { axis in places.map { Int64($0 / strides[axis] % max(shape[axis], 1)) } }
  }

  // MARK: Compress

  /// Compress-11: the slices along `axis` (or elements) whose condition holds.
  @Sendable private static func inferCompress(_ inference: inout TypeInference) throws {
    guard inference.node.attributes["axis"] != nil else {
      return inference.set(0, inference.elementType(0), [.unknown])
    }
    guard var shape = inference.shape(0) else { return inference.set(0, inference.elementType(0), nil) }
    guard !shape.isEmpty else { throw inference.mismatch("a scalar has no axis to choose along") }
    shape[try inference.normalized(inference.node.int("axis"), rank: shape.count)] = .unknown
    inference.set(0, inference.elementType(0), shape)
  }

  private static func compress(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    var data = try evaluation.tensor(0)
    let condition = try evaluation.tensor(1)
    guard condition.elementType == .bool, condition.shape.count == 1 else {
      throw GraphError(.shapeMismatch, "the condition must be a list of bool, not \(condition)")
    }
    var axis = 0
    if evaluation.node.attributes["axis"] != nil {
      axis = try evaluation.node.int("axis")
    } else {
      data = try data.reshaped(to: [data.count])
    }
    let places = condition.elements(Bool.self).enumerated().filter(\.element).map { Int64($0.offset) }
    let indices = Tensor(places, shape: [places.count])
    return [.tensor(try evaluation.compute("Gather", [data, indices], ["axis": .int(axis)]))]
  }

  // MARK: Unique

  /// Unique-11: the distinct elements, or slices along `axis`; where each first stood; which each element is; how often.
  @Sendable private static func inferUnique(_ inference: inout TypeInference) throws {
    if inference.node.attributes["axis"] != nil, var shape = inference.shape(0) {
      guard !shape.isEmpty else { throw inference.mismatch("a scalar has no axis to compare along") }
      shape[try inference.normalized(inference.node.int("axis"), rank: shape.count)] = .unknown
      inference.set(0, inference.elementType(0), shape)
    } else {
      inference.set(0, inference.elementType(0), inference.node.attributes["axis"] == nil ? [.unknown] : nil)
    }
    for output in 1..<4 { inference.set(output, .int64, [.unknown]) }
  }

  private static func unique(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    var data = try evaluation.tensor(0)
    var axis = 0
    if evaluation.node.attributes["axis"] != nil {
      let given = try evaluation.node.int("axis")
      guard (-data.shape.count..<data.shape.count).contains(given) else {
        throw GraphError(.shapeMismatch, "axis \(given) is out of range for rank \(data.shape.count)")
      }
      axis = given < 0 ? given + data.shape.count : given
    } else {
      data = try data.reshaped(to: [data.count])
    }
    // Slices become the rows of a matrix, so that each is a run of elements.
    let extent = data.shape[axis]
    let order = [axis] + data.shape.indices.filter { $0 != axis }
    let rows = try evaluation.compute("Transpose", [data], ["perm": .ints(order)])
    let groups = try Self.groups(rows, extent: extent, sorted: evaluation.node.flag("sorted", default: true))
    let firsts = Tensor(groups.firsts.map(Int64.init), shape: [groups.firsts.count])
    return [
      .tensor(try evaluation.compute("Gather", [data, firsts], ["axis": .int(axis)])),
      .tensor(firsts),
      .tensor(Tensor(groups.members.map(Int64.init), shape: [extent])),
      .tensor(Tensor(groups.counts.map(Int64.init), shape: [groups.counts.count])),
    ]
  }

  private struct Groups {
    /// Where each distinct row first stands, which of them each row is, and how often each is there.
    var firsts: [Int] = []
    var members: [Int] = []
    var counts: [Int] = []
  }

  private static func groups(_ rows: Tensor, extent: Int, sorted: Bool) throws -> Groups {
    let row = extent == 0 ? 0 : rows.count / extent
    if let strings = rows.strings {
      return groups(extent: extent, sorted: sorted) { a, b in
        strings[a * row..<(a + 1) * row].lexicographicallyPrecedes(strings[b * row..<(b + 1) * row])
      }
    }
    let numbers = try rows.elementType == .bool ? rows.bitCast(to: .uint8) : HalfWidth.widen(rows) ?? rows
    return try numbers.elementType.visit(RowGroups(rows: numbers, row: row, extent: extent, sorted: sorted))
  }

  private struct RowGroups: NumericVisitor {
    let rows: Tensor
    let row: Int
    let extent: Int
    let sorted: Bool

    func visit<Element: NumericElement>(_: Element.Type) throws -> Groups {
      rows.withUnsafeElements(of: Element.self) { elements in
        groups(extent: extent, sorted: sorted) { a, b in
          elements[a * row..<(a + 1) * row].lexicographicallyPrecedes(elements[b * row..<(b + 1) * row]) {
            x, y in
            // NaNs last, each equal to the others.
            x.isNotANumber ? false : y.isNotANumber || x < y
          }
        }
      }
    }
  }

  private static func groups(extent: Int, sorted: Bool, _ precedes: (Int, Int) -> Bool) -> Groups {
    var groups = Groups(members: Array(repeating: 0, count: extent))
    let order = (0..<extent).sorted { precedes($0, $1) || (!precedes($1, $0) && $0 < $1) }
    for (position, index) in order.enumerated() {
      if position == 0 || precedes(order[position - 1], index) {
        groups.firsts.append(index)
        groups.counts.append(0)
      }
      groups.members[index] = groups.firsts.count - 1
      groups.counts[groups.counts.count - 1] += 1
    }
    guard !sorted else { return groups }
    // In the order in which they first stand.
    let places = groups.firsts.indices.sorted { groups.firsts[$0] < groups.firsts[$1] }
    var rank = Array(repeating: 0, count: places.count)
    for (position, place) in places.enumerated() { rank[place] = position }
    return Groups(
      firsts: places.map { groups.firsts[$0] }, members: groups.members.map { rank[$0] },
      counts: places.map { groups.counts[$0] })
  }
}

extension Tensor {
  /// The same bits as a type of the same width.
  func bitCast(to type: ElementType) throws -> Tensor {
    guard let bytes else { throw GraphError(.unsupportedType, "strings have no bits") }
    return try Tensor(type, shape: shape, bytes: bytes)
  }
}

extension Evaluation {
  /// Computes another operator of one output on tensors.
  func compute(_ op: OperatorName, _ inputs: [Tensor?], _ attributes: [String: Attribute] = [:]) throws
    -> Tensor
  {
    let ids = inputs.indices.map { Value.ID(rawValue: $0) }
    let node = Node(
      id: .init(rawValue: 0), name: "", op: op, inputs: zip(ids, inputs).map { $1 == nil ? nil : $0 },
      outputs: [Value.ID(rawValue: inputs.count)], attributes: attributes)
    let results = try Interpreter.evaluate(node: node, inputs: inputs.map { $0.map { .tensor($0) } })
    guard let result = results.first??.tensor else {
      throw GraphError(.unsupportedType, "\(op) gives no tensor here")
    }
    return result
  }
}
