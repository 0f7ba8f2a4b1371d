import ONNXParse

/// Scan-25: a subgraph run over slices of its inputs.
enum Scans {
  static let operators: [Operator] = [
    Operator(
      "Scan", inputs: 1...Operator.variadic, outputs: 1...Operator.variadic, infer: infer, evaluate: run)
  ]

  /// How the inputs and outputs of a node are walked.
  private struct Layout {
    let states: Int
    let scanInputs: Int
    let inputAxes: [Int]
    let inputsBackwards: [Bool]
    let outputAxes: [Int]
    let outputsBackwards: [Bool]

    init(_ node: Node, inputs: Int) throws {
      scanInputs = try node.int("num_scan_inputs")
      guard (1...inputs).contains(scanInputs) else {
        throw GraphError(.invalidAttribute, "num_scan_inputs is \(scanInputs) for \(inputs) inputs")
      }
      states = inputs - scanInputs
      let scanOutputs = node.outputs.count - states
      guard scanOutputs >= 0 else { throw GraphError(.invalidGraph, "there are fewer outputs than states") }
      func list(_ name: String, count: Int) throws -> [Int] {
        let given = try node.ints(name) ?? Array(repeating: 0, count: count)
        guard given.count == count else {
          throw GraphError(.invalidAttribute, "\(name) has \(given.count) entries, not \(count)")
        }
        return given
      }
      inputAxes = try list("scan_input_axes", count: scanInputs)
      inputsBackwards = try list("scan_input_directions", count: scanInputs).map { $0 != 0 }
      outputAxes = try list("scan_output_axes", count: scanOutputs)
      outputsBackwards = try list("scan_output_directions", count: scanOutputs).map { $0 != 0 }
    }
  }

  @Sendable private static func infer(_ inference: inout TypeInference) throws {
    let layout = try Layout(inference.node, inputs: inference.inputTypes.count)
    var steps: Dimension = .unknown
    var inputs: [ValueType?] = Array(inference.inputTypes.prefix(layout.states))
    for index in 0..<layout.scanInputs {
      guard let type = inference.tensor(layout.states + index) else {
        inputs.append(nil)
        continue
      }
      inputs.append(
        .tensor(
          TensorType(
            type.elementType,
            try type.shape.map { shape in
              let axis = try inference.normalized(layout.inputAxes[index], rank: shape.count)
              guard !shape.isEmpty else { throw inference.mismatch("a scalar can't be scanned") }
              if steps.value == nil { steps = shape[axis] }
              return shape.enumerated().filter { $0.offset != axis }.map(\.element)
            })))
    }
    let results = try inference.inferSubgraph("body", inputs)
    guard results.count == inference.node.outputs.count else {
      throw GraphError(
        .invalidGraph, "the body gives \(results.count) outputs, but the node \(inference.node.outputs.count)"
      )
    }
    for index in results.indices {
      if index < layout.states {
        inference.outputTypes[index] = ValueType.common(inputs[index], results[index])
      } else if let type = results[index]?.tensor {
        let shape = try type.shape.map { shape in
          let axis = try inference.normalized(layout.outputAxes[index - layout.states], rank: shape.count + 1)
          return Array(shape[..<axis]) + [steps] + Array(shape[axis...])
        }
        inference.set(index, type.elementType, shape)
      }
    }
  }

  private static func run(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let node = evaluation.node
    let layout = try Layout(node, inputs: evaluation.inputs.count)
    let body = try node.graph("body")
    guard body.graph.outputs.count == node.outputs.count else {
      throw GraphError(
        .invalidGraph,
        "the body gives \(body.graph.outputs.count) outputs, but the node \(node.outputs.count)")
    }
    var states = try (0..<layout.states).map { index in
      guard let value = evaluation.inputs[index] else {
        throw GraphError(.invalidInput, "state \(index) is missing")
      }
      return value
    }
    let scanned = try (0..<layout.scanInputs).map { try evaluation.tensor(layout.states + $0) }
    let axes = try zip(scanned, layout.inputAxes).map { tensor, axis in
      guard (-tensor.shape.count..<tensor.shape.count).contains(axis) else {
        throw GraphError(.shapeMismatch, "axis \(axis) is out of range for rank \(tensor.shape.count)")
      }
      return axis < 0 ? axis + tensor.shape.count : axis
    }
    let steps = scanned[0].shape[axes[0]]
    guard zip(scanned, axes).allSatisfy({ $0.shape[$1] == steps }) else {
      throw GraphError(.shapeMismatch, "the scanned inputs have different lengths")
    }
    var slices = Array(repeating: [Tensor](), count: layout.outputAxes.count)
    for step in 0..<steps {
      let parts = try scanned.indices.map { index in
        let place = layout.inputsBackwards[index] ? steps - 1 - step : step
        return RuntimeValue.tensor(
          try evaluation.compute(
            "Gather", [scanned[index], Tensor(scalar: Int64(place))], ["axis": .int(axes[index])]))
      }
      let results = try evaluation.run(body, states + parts)
      states = Array(results.prefix(layout.states))
      for index in slices.indices { try slices[index].append(results[layout.states + index].required()) }
    }
    return try states
      + slices.enumerated().map { index, slices in
        let type = body.graph[body.graph.outputs[layout.states + index]].type?.tensor
        let ordered = layout.outputsBackwards[index] ? slices.reversed() : slices
        return .tensor(try evaluation.stack(ordered, axis: layout.outputAxes[index], emptyType: type))
      }
  }
}
