import ONNXParse

/// Operators that run subgraphs: If-25, Loop-25, Scan-25.
enum ControlFlow {
  static let operators: [Operator] = [
    Operator("If", inputs: 1...1, outputs: 1...Operator.variadic, infer: inferIf, evaluate: runIf),
    // The trip count and the first condition may both be left out.
    Operator(
      "Loop", inputs: 0...Operator.variadic, outputs: 1...Operator.variadic, infer: inferLoop,
      evaluate: runLoop),
  ]

  // MARK: If

  /// Each output is what both branches give; where the condition is known, what the branch taken gives.
  @Sendable private static func inferIf(_ inference: inout TypeInference) throws {
    if let taken = inference.knownCondition {
      let results = try inference.inferSubgraph(taken ? "then_branch" : "else_branch", [])
      for (index, result) in results.enumerated() where inference.outputTypes.indices.contains(index) {
        inference.outputTypes[index] = result
      }
      return
    }
    let then = try inference.inferSubgraph("then_branch", [])
    let otherwise = try inference.inferSubgraph("else_branch", [])
    let count = inference.node.outputs.count
    guard then.count == count, otherwise.count == count else {
      throw GraphError(
        .invalidGraph, "the branches give \(then.count) and \(otherwise.count) outputs, but the node \(count)"
      )
    }
    for index in 0..<count { inference.outputTypes[index] = ValueType.common(then[index], otherwise[index]) }
  }

  private static func runIf(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let branch = try evaluation.flag(0) ? "then_branch" : "else_branch"
    return try evaluation.run(evaluation.node.graph(branch), [])
  }

  // MARK: Loop

  /// Body: (iteration, condition, carried...) -> (condition, carried..., scanned...).
  @Sendable private static func inferLoop(_ inference: inout TypeInference) throws {
    let carried = max(0, inference.inputTypes.count - 2)
    let scalars: [ValueType?] = [.tensor(TensorType(.int64, [])), .tensor(TensorType(.bool, []))]
    // A carried value may change its shape from one iteration to the next: only its element type is sure.
    var states: [ValueType?] = Array(inference.inputTypes.dropFirst(2))
    var results = try inference.inferSubgraph("body", scalars + states)
    let widened = zip(states, results.dropFirst()).map { ValueType.common($0, $1) }
    if widened != states {
      states = widened.map { $0?.withoutShape }
      results = try inference.inferSubgraph("body", scalars + states)
    }
    let outputs = inference.node.outputs.count
    guard results.count == outputs + 1, outputs >= carried else {
      throw GraphError(
        .invalidGraph,
        "the body gives \(results.count) outputs for \(carried) carried values and \(outputs) outputs")
    }
    for index in 0..<outputs {
      if index < carried {
        inference.outputTypes[index] = ValueType.common(states[index], results[index + 1])
      } else if let type = results[index + 1]?.tensor {
        inference.set(index, type.elementType, type.shape.map { [.unknown] + $0 })
      }
    }
  }

  private static func runLoop(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let body = try evaluation.node.graph("body")
    let limit = try evaluation.optionalTensor(0).map { tensor in
      guard tensor.count == 1, let limit = tensor.integers?.first else {
        throw GraphError(.invalidInput, "the trip count must be an integer, not \(tensor)")
      }
      return limit
    }
    var goesOn = try evaluation.optionalTensor(1) == nil || evaluation.flag(1)
    var carried = try evaluation.inputs.dropFirst(2).map { value in
      guard let value else { throw GraphError(.invalidInput, "a carried value has no initial value") }
      return value
    }
    let scanCount = body.graph.outputs.count - 1 - carried.count
    guard scanCount >= 0 else { throw GraphError(.invalidGraph, "the body gives too few outputs") }
    var scans = Array(repeating: [Tensor](), count: scanCount)
    var iteration = 0
    while goesOn, iteration < limit ?? .max {
      let results = try evaluation.run(
        body, [.tensor(Tensor(scalar: Int64(iteration))), .tensor(Tensor(scalar: true))] + carried)
      goesOn = try Evaluation.flag(results[0].tensor)
      carried = Array(results[1..<1 + carried.count])
      for index in 0..<scanCount { try scans[index].append(results[1 + carried.count + index].required()) }
      iteration += 1
    }
    return try carried
      + scans.enumerated().map { index, slices in
        let id = body.graph.outputs[1 + carried.count + index]
        return .tensor(try evaluation.stack(slices, axis: 0, emptyType: body.graph[id].type?.tensor))
      }
  }
}

extension TypeInference {
  /// What input 0 is known to hold, if it is one bool.
  fileprivate var knownCondition: Bool? {
    if let constant = constant(0), constant.elementType == .bool, constant.count == 1 {
      return constant.elements(Bool.self)[0]
    }
    guard let values = shapeValue(0)?.concrete, values.count == 1 else { return nil }
    return values[0] != 0
  }
}

extension Evaluation {
  /// The bool in input `index`.
  func flag(_ index: Int) throws -> Bool { try Self.flag(tensor(index)) }

  static func flag(_ tensor: Tensor?) throws -> Bool {
    guard let tensor, tensor.elementType == .bool, tensor.count == 1 else {
      throw GraphError(
        .invalidInput, "a condition must be one bool, not \(tensor.map { "\($0)" } ?? "nothing")")
    }
    return tensor.elements(Bool.self)[0]
  }

  /// The slices side by side along a new axis; where there are none, an empty tensor of the type of a slice.
  func stack(_ slices: [Tensor], axis: Int, emptyType: TensorType?) throws -> Tensor {
    guard let first = slices.first else {
      guard let type = emptyType else {
        throw GraphError(.unsupportedType, "the type of what no iteration gives is not known")
      }
      var shape = (type.shape ?? []).map { $0.value ?? 0 }
      let place = axis < 0 ? axis + shape.count + 1 : axis
      guard (0...shape.count).contains(place) else {
        throw GraphError(.shapeMismatch, "axis \(axis) is out of range")
      }
      shape.insert(0, at: place)
      if type.elementType == .string { return try Tensor(shape: shape, strings: []) }
      return try Tensor(type.elementType, shape: shape, bytes: ByteRegion([]))
    }
    guard slices.allSatisfy({ $0.shape == first.shape && $0.elementType == first.elementType }) else {
      throw GraphError(.shapeMismatch, "the slices of the iterations differ in type")
    }
    let rank = first.shape.count + 1
    let place = axis < 0 ? axis + rank : axis
    guard (0..<rank).contains(place) else { throw GraphError(.shapeMismatch, "axis \(axis) is out of range") }
    var shape = first.shape
    shape.insert(1, at: place)
    return try compute("Concat", slices.map { try $0.reshaped(to: shape) }, ["axis": .int(place)])
  }
}

extension RuntimeValue {
  /// The tensor; throws for other values.
  func required() throws -> Tensor {
    guard let tensor else { throw GraphError(.invalidInput, "a \(type) is given where a tensor is needed") }
    return tensor
  }
}

extension ValueType {
  /// What is sure of a value that is of one of two types; nil where nothing is.
  static func common(_ a: ValueType?, _ b: ValueType?) -> ValueType? {
    switch (a, b) {
    case (.tensor(let a)?, .tensor(let b)?):
      guard a.elementType == b.elementType else { return nil }
      guard let x = a.shape, let y = b.shape, x.count == y.count else {
        return .tensor(TensorType(a.elementType, nil))
      }
      return .tensor(TensorType(a.elementType, zip(x, y).map { $0 == $1 ? $0 : .unknown }))
    case (.sequence(let a)?, .sequence(let b)?): return .sequence(common(a, b))
    case (.optional(let a)?, .optional(let b)?): return .optional(common(a, b))
    default: return nil
    }
  }

  /// The type with no more known of tensors than their element type.
  var withoutShape: ValueType {
    switch self {
    case .tensor(let type): .tensor(TensorType(type.elementType, nil))
    case .sequence(let element): .sequence(element?.withoutShape)
    case .optional(let element): .optional(element?.withoutShape)
    }
  }
}
