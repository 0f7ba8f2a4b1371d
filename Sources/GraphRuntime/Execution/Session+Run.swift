import Glibc
import ONNXParse

extension Session {
  /// Computes outputs (all where nil) from tensors by input name; only what is asked for is computed.
  /// - Throws: `GraphError` where an input is missing, has the wrong type or shape, or the memory limit is passed.
  public func run(_ inputs: [String: Tensor], outputs: [String]? = nil) throws -> [String: Tensor] {
    let results = try run(values: inputs.mapValues(RuntimeValue.tensor), outputs: outputs)
    return try results.reduce(into: [:]) { tensors, entry in
      guard let tensor = entry.value.tensor else {
        throw GraphError(.unsupportedType, "output '\(entry.key)' is a \(entry.value.type), not a tensor")
      }
      tensors[entry.key] = tensor
    }
  }

  /// Computes outputs (all where nil) from values by input name, sequences and optionals among them.
  /// - Throws: `GraphError` where an input is missing, has the wrong type or shape, or the memory limit is passed.
  public func run(values: [String: RuntimeValue], outputs: [String]? = nil) throws -> [String: RuntimeValue] {
    let ids: [Value.ID]
    let results: [RuntimeValue]
    if let tensors = tensors(in: values) {
      let request = try Request(
        self, outputs: outputs, given: tensors.mapValues { .tensor($0.elementType, $0.shape) })
      ids = request.outputs
      let cached = try plan(for: request)
      switch cached.plan.body {
      case .frozen(let frozen):
        results = try cached.withExecution(frozen) { try run($0, frozen, tensors) }
      case .interpreted(let rest, let segment):
        var made: [Value.ID: RuntimeValue] = [:]
        if let segment, case .frozen(let frozen) = segment.plan.body {
          let values = try cached.withExecution(frozen, of: segment.plan) { try run($0, frozen, tensors) }
          made = Dictionary(zip(segment.outputs, values)) { first, _ in first }
        }
        results = try interpret(rest, values, made: made, outputs: ids)
      }
    } else {
      ids = try outputIDs(outputs)
      results = try interpret(graph.aligned(by: derivedConstants), values, outputs: ids)
    }
    return Dictionary(zip(ids.map { graph[$0].name }, results)) { first, _ in first }
  }

  /// The values as tensors; nil where one is something else, or strings, which have no place in a plan.
  private func tensors(in values: [String: RuntimeValue]) -> [String: Tensor]? {
    let tensors = values.compactMapValues(\.tensor)
    guard tensors.count == values.count, inputs.allSatisfy({ $0.type.map { $0.tensor != nil } ?? true })
    else {
      return nil
    }
    return tensors
  }

  private func run(_ execution: Execution, _ frozen: FrozenPlan, _ tensors: [String: Tensor]) throws
    -> [RuntimeValue]
  {
    let inputs = inputs.map { tensors[$0.name]?.aligned }
    let outputs = frozen.outputTypes.map { ByteRegion(count: $0.byteCount ?? 0) { _ in } }
    execution.bind(
      inputs: inputs.map { $0?.bytes?.start },
      outputs: outputs.map { UnsafeMutableRawPointer(mutating: $0.start) })
    try withExtendedLifetime((inputs, outputs)) {
      if options.profile {
        try profile(execution)
      } else if options.releasesWeights {
        try execution.runReleasingWeights()
      } else {
        try execution.run()
      }
    }
    return try zip(frozen.outputTypes, outputs).map { type, bytes in
      .tensor(try Tensor(type.elementType, shape: type.concreteShape ?? [], bytes: bytes))
    }
  }

  private func profile(_ execution: Execution) throws {
    var times: [(start: UInt64, end: UInt64)] = []
    times.reserveCapacity(execution.plan.steps.count)
    try execution.run(clock: monotonicNanoseconds) { times.append(($1, $2)) }
    recorder.add(execution.plan, times)
  }

  /// Interprets `graph`, values that it need not make given as `made`.
  private func interpret(
    _ graph: Graph, _ values: [String: RuntimeValue], made: [Value.ID: RuntimeValue] = [:],
    outputs: [Value.ID]
  ) throws -> [RuntimeValue] {
    for name in values.keys where !inputs.contains(where: { $0.name == name }) {
      throw GraphError(.invalidInput, "there is no input '\(name)'; \(inputList)")
    }
    var given = made
    for id in graph.inputs {
      guard let value = values[graph[id].name] else { continue }
      if let declared = self.graph.values[id]?.type, (declared.tensor == nil) != (value.tensor == nil) {
        throw GraphError(
          .invalidInput, "input '\(graph[id].name)' is declared as \(declared), but \(value.type) is given")
      }
      given[id] = value
    }
    let evaluator = NodeEvaluator(
      registry: planner.registry, pool: planner.pool, memoryLimit: planner.memoryLimit)
    var interpreter = Interpreter(graph, evaluator: evaluator)
    guard options.profile else { return try interpreter.run(given, outputs: outputs) }
    let trace = Interpreter.Trace()
    interpreter.trace = trace
    let results = try interpreter.run(given, outputs: outputs)
    recorder.add(trace.entries)
    return results
  }
}

/// The system's monotonic clock.
func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
