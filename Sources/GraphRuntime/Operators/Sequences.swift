import ONNXParse

/// Sequences and optionals: values that are not tensors, in the interpreter.
enum Sequences {
  static let operators: [Operator] = [
    // SequenceEmpty, SequenceConstruct, SequenceLength, SequenceAt, SequenceInsert, SequenceErase (ONNX opset 11).
    Operator(
      "SequenceEmpty", inputs: 0...0,
      infer: { inference in
        let code = try inference.node.int("dtype", default: Int(ElementType.float32.rawValue))
        inference.outputTypes[0] = .sequence(.tensor(TensorType(try ElementType(onnx: code), nil)))
      }, evaluate: { _ in [.sequence([])] }),
    Operator(
      "SequenceConstruct", inputs: 1...Operator.variadic,
      infer: { inference in
        inference.outputTypes[0] = .sequence(
          inference.inputTypes.dropFirst().reduce(inference.inputTypes[0]) { ValueType.common($0, $1) })
      },
      evaluate: { evaluation in
        [.sequence(try evaluation.inputs.indices.map { .tensor(try evaluation.tensor($0)) })]
      }),
    Operator(
      "SequenceLength", inputs: 1...1, infer: { $0.set(0, .int64, []) },
      evaluate: { [.tensor(Tensor(scalar: Int64(try $0.sequence(0).count)))] }),
    Operator(
      "SequenceAt", inputs: 2...2, infer: { $0.outputTypes[0] = $0.sequenceElement(0) },
      evaluate: { evaluation in
        let elements = try evaluation.sequence(0)
        return [elements[try evaluation.position(1, count: elements.count)]]
      }),
    Operator(
      "SequenceInsert", inputs: 2...3,
      infer: { $0.outputTypes[0] = .sequence(ValueType.common($0.sequenceElement(0), $0.inputTypes[1])) },
      evaluate: { evaluation in
        var elements = try evaluation.sequence(0)
        let place = try evaluation.position(
          2, count: elements.count + 1, from: elements.count, default: elements.count)
        elements.insert(.tensor(try evaluation.tensor(1)), at: place)
        return [.sequence(elements)]
      }),
    Operator(
      "SequenceErase", inputs: 1...2, infer: { $0.outputTypes[0] = $0.inputTypes[0] },
      evaluate: { evaluation in
        var elements = try evaluation.sequence(0)
        elements.remove(at: try evaluation.position(1, count: elements.count, default: elements.count - 1))
        return [.sequence(elements)]
      }),
    Operator("ConcatFromSequence", inputs: 1...1, infer: inferConcat, evaluate: concat),
    Operator("SplitToSequence", inputs: 1...2, infer: inferSplit, evaluate: split),
    Operator(
      "SequenceMap", inputs: 1...Operator.variadic, outputs: 1...Operator.variadic, infer: inferMap,
      evaluate: map),
  ]

  // MARK: ConcatFromSequence

  /// ConcatFromSequence-11: the elements along `axis`, a new one with `new_axis`.
  @Sendable private static func inferConcat(_ inference: inout TypeInference) throws {
    let element = inference.sequenceElement(0)?.tensor
    guard let shape = element?.shape else { return inference.set(0, element?.elementType, nil) }
    let isNew = try inference.node.flag("new_axis", default: false)
    guard isNew || !shape.isEmpty else { throw inference.mismatch("scalars need a new axis to stand along") }
    let axis = try inference.normalized(inference.node.int("axis"), rank: shape.count + (isNew ? 1 : 0))
    var result = shape
    if isNew { result.insert(.unknown, at: axis) } else { result[axis] = .unknown }
    inference.set(0, element?.elementType, result)
  }

  private static func concat(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let tensors = try evaluation.sequence(0).map { try $0.required() }
    guard !tensors.isEmpty else { throw GraphError(.invalidInput, "an empty sequence can't be concatenated") }
    let axis = try evaluation.node.int("axis")
    if try evaluation.node.flag("new_axis", default: false) {
      return [.tensor(try evaluation.stack(tensors, axis: axis, emptyType: nil))]
    }
    return [.tensor(try evaluation.compute("Concat", tensors, ["axis": .int(axis)]))]
  }

  // MARK: SplitToSequence

  /// SplitToSequence-24: parts of the sizes given (one size for all, or a list), or of 1 each.
  @Sendable private static func inferSplit(_ inference: inout TypeInference) throws {
    guard let type = inference.tensor(0) else { return }
    guard var shape = type.shape else {
      inference.outputTypes[0] = .sequence(.tensor(TensorType(type.elementType, nil)))
      return
    }
    guard !shape.isEmpty else { throw inference.mismatch("a scalar can't be split") }
    let axis = try inference.normalized(inference.node.int("axis", default: 0), rank: shape.count)
    if inference.has(1) {
      shape[axis] = .unknown
    } else if try inference.node.flag("keepdims", default: true) {
      shape[axis] = 1
    } else {
      shape.remove(at: axis)
    }
    inference.outputTypes[0] = .sequence(.tensor(TensorType(type.elementType, shape)))
  }

  private static func split(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let data = try evaluation.tensor(0)
    let rank = data.shape.count
    let given = try evaluation.node.int("axis", default: 0)
    guard (-rank..<rank).contains(given) else {
      throw GraphError(.shapeMismatch, "axis \(given) is out of range for rank \(rank)")
    }
    let axis = given < 0 ? given + rank : given
    let extent = data.shape[axis]
    guard let sizes = evaluation.optionalTensor(1) else {
      let keeps = try evaluation.node.flag("keepdims", default: true)
      return [
        .sequence(
          try (0..<extent).map { place in
            let index = keeps ? Tensor([Int64(place)], shape: [1]) : Tensor(scalar: Int64(place))
            return .tensor(try evaluation.compute("Gather", [data, index], ["axis": .int(axis)]))
          })
      ]
    }
    let parts = try Self.parts(of: extent, sizes)
    var start = 0
    let elements = try parts.map { size in
      defer { start += size }
      func list(_ value: Int) -> Tensor { Tensor([Int64(value)], shape: [1]) }
      return RuntimeValue.tensor(
        try evaluation.compute("Slice", [data, list(start), list(start + size), list(axis)]))
    }
    return [.sequence(elements)]
  }

  private static func parts(of extent: Int, _ sizes: Tensor) throws -> [Int] {
    guard let values = sizes.integers, values.allSatisfy({ (0...extent).contains($0) }) else {
      throw GraphError(.invalidInput, "parts of sizes \(sizes) can't be made of an extent of \(extent)")
    }
    if sizes.shape.isEmpty {
      guard let size = values.first, size > 0 else { throw GraphError(.invalidInput, "parts of size 0") }
      return stride(from: 0, to: extent, by: size).map { min(size, extent - $0) }
    }
    guard values.reduce(0, { $0 &+ $1 }) == extent else {
      throw GraphError(.invalidInput, "parts of \(values) don't add up to \(extent)")
    }
    return values
  }

  // MARK: SequenceMap

  /// SequenceMap-17: the body on the elements of all sequences at one position, tensors given along.
  @Sendable private static func inferMap(_ inference: inout TypeInference) throws {
    let inputs = inference.inputTypes.indices.map { index -> ValueType? in
      if case .sequence(let element)? = inference.inputTypes[index] {
        element
      } else {
        inference.inputTypes[index]
      }
    }
    let results = try inference.inferSubgraph("body", inputs)
    for index in inference.outputTypes.indices where results.indices.contains(index) {
      inference.outputTypes[index] = .sequence(results[index])
    }
  }

  private static func map(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let body = try evaluation.node.graph("body")
    let count = try evaluation.sequence(0).count
    var outputs = Array(repeating: [RuntimeValue](), count: body.graph.outputs.count)
    for position in 0..<count {
      let inputs = try evaluation.inputs.map { value in
        switch value {
        case .sequence(let elements)?:
          guard elements.count == count else {
            throw GraphError(.invalidInput, "the sequences differ in length")
          }
          return elements[position]
        case let value?: return value
        case nil: throw GraphError(.invalidInput, "an input is missing")
        }
      }
      for (index, result) in try evaluation.run(body, inputs).enumerated() { outputs[index].append(result) }
    }
    return outputs.map { .sequence($0) }
  }
}

/// Values that may be absent: Optional-15, OptionalHasElement-18, OptionalGetElement-18.
enum Optionals {
  static let operators: [Operator] = [
    Operator(
      "Optional", inputs: 0...1,
      infer: { inference in
        let type = inference.inputTypes.first ?? nil
        inference.outputTypes[0] = .optional(type ?? inference.node.attributes["type"]?.type)
      }, evaluate: { [.optional($0.inputs.first ?? nil)] }),
    Operator(
      "OptionalHasElement", inputs: 0...1, infer: { $0.set(0, .bool, []) },
      evaluate: { evaluation in
        var isGiven = false
        switch evaluation.inputs.first ?? nil {
        case .optional(let value)?: isGiven = value != nil
        case let value: isGiven = value != nil
        }
        return [.tensor(Tensor(scalar: isGiven))]
      }),
    Operator(
      "OptionalGetElement", inputs: 1...1,
      infer: { inference in
        if case .optional(let element)? = inference.inputTypes[0] {
          inference.outputTypes[0] = element
        } else {
          inference.outputTypes[0] = inference.inputTypes[0]
        }
      },
      evaluate: { evaluation in
        guard case .optional(let value)? = evaluation.inputs[0] else { return [evaluation.inputs[0]] }
        guard let value else { throw GraphError(.invalidInput, "the optional is empty") }
        return [value]
      }),
  ]
}

extension TypeInference {
  /// The element type of the sequence at `index`.
  fileprivate func sequenceElement(_ index: Int) -> ValueType? {
    if case .sequence(let element)? = inputTypes[index] { element } else { nil }
  }
}

extension Evaluation {
  /// The sequence at `index`.
  fileprivate func sequence(_ index: Int) throws -> [RuntimeValue] {
    guard inputs.indices.contains(index), case .sequence(let elements)? = inputs[index] else {
      throw GraphError(.invalidInput, "input \(index) must be a sequence")
    }
    return elements
  }

  /// The position in input `index`, negative ones counted from `from` (the count where left out); `default` where the
  /// input is left out.
  fileprivate func position(_ index: Int, count: Int, from end: Int? = nil, default: Int? = nil) throws -> Int
  {
    let given: Int
    if let tensor = optionalTensor(index) {
      guard tensor.count == 1, let value = tensor.integers?.first else {
        throw GraphError(.invalidInput, "a position must be one integer, not \(tensor)")
      }
      given = value
    } else {
      guard let `default` else { throw GraphError(.invalidInput, "the position is missing") }
      given = `default`
    }
    let position = given < 0 ? given &+ (end ?? count) : given
    guard (0..<count).contains(position) else {
      throw GraphError(.invalidInput, "position \(given) is out of range for \(count) places")
    }
    return position
  }
}
