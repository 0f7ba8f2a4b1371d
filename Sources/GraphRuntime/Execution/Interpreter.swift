import ONNXParse
import Synchronization

/// Runs a graph node by node on tensors, sequences and optionals, with the operators that plans use too.
///
/// It needs no shapes beforehand: it serves graphs whose shapes depend on data, and evaluates constants for passes.
/// Only what the asked outputs need is computed, and values are given back after their last use.
public struct Interpreter: Sendable {
  let graph: Graph
  let evaluator: NodeEvaluator
  /// How many subgraphs this one is inside of.
  private let depth: Int
  /// Where the nodes that ran are noted, those inside of subgraphs not; nil where nobody asks.
  var trace: Trace?

  /// An interpreter for `graph`, on one thread.
  public init(_ graph: Graph, registry: OperatorRegistry = .standard) {
    self.init(graph, evaluator: NodeEvaluator(registry: registry), depth: 0)
  }

  init(_ graph: Graph, evaluator: NodeEvaluator, depth: Int = 0) {
    self.graph = graph
    self.evaluator = evaluator
    self.depth = depth
  }

  /// Computes `outputs` (all of the graph's where nil) from values for the graph's inputs.
  /// - Throws: `GraphError` that names the node, the enclosing nodes first.
  public func run(_ inputs: [Value.ID: RuntimeValue], outputs: [Value.ID]? = nil) throws -> [RuntimeValue] {
    let outputs = outputs ?? graph.outputs
    let schedule = Schedule(graph, outputs: outputs)
    var values = inputs
    for entry in schedule.entries {
      let node = graph.nodes[entry.node]
      do {
        try run(node, in: &values)
      } catch let error as GraphError {
        throw error.inside(node)
      }
      for id in entry.dead { values[id] = nil }
    }
    return try outputs.map { try value(of: $0, in: values) }
  }

  /// Runs one node on `values` and adds what it makes.
  private func run(_ node: Node, in values: inout [Value.ID: RuntimeValue]) throws {
    let inputs = try node.inputs.map { try $0.map { try value(of: $0, in: values) } }
    let start = trace == nil ? 0 : monotonicNanoseconds()
    let results = try evaluator.evaluate(node, inputs: inputs) { subgraph, inputs in
      try run(subgraph, inputs: inputs, around: values)
    }
    if let trace {
      let end = monotonicNanoseconds()
      trace.add(StepDescription(node, inputs: inputs, outputs: results), start, end)
    }
    for (index, id) in node.outputs.enumerated() {
      guard let id else { continue }
      guard results.indices.contains(index), let result = results[index] else {
        throw GraphError(
          .invalidGraph, "output \(index) ('\(graph[id].name)') was asked for, but is not given")
      }
      values[id] = result
    }
  }

  private func run(
    _ subgraph: Subgraph, inputs: [RuntimeValue], around outer: [Value.ID: RuntimeValue]
  ) throws -> [RuntimeValue] {
    let body = subgraph.graph
    guard depth < Subgraph.deepestNesting else {
      throw GraphError(.limitExceeded, "subgraphs are nested more than \(Subgraph.deepestNesting) deep")
    }
    guard inputs.count == body.inputs.count else {
      throw GraphError(
        .invalidGraph, "subgraph '\(body.name)' has \(body.inputs.count) inputs, but is given \(inputs.count)"
      )
    }
    var values = Dictionary(zip(body.inputs, inputs)) { _, last in last }
    for capture in subgraph.captures { values[capture.inner] = try value(of: capture.outer, in: outer) }
    return try Interpreter(body, evaluator: evaluator, depth: depth + 1).run(values)
  }

  private func value(of id: Value.ID, in values: [Value.ID: RuntimeValue]) throws -> RuntimeValue {
    if let value = values[id] { return value }
    if let constant = graph.initializers[id] { return .tensor(constant) }
    throw GraphError(.invalidInput, "input '\(graph.values[id]?.name ?? "#\(id.rawValue)")' is not given")
  }
}

extension Interpreter {
  /// The nodes of one run, with the start and the end of each.
  final class Trace: Sendable {
    typealias Entry = (description: StepDescription, start: UInt64, end: UInt64)

    private let list = Mutex<[Entry]>([])

    var entries: [Entry] { list.withLock { $0 } }

    fileprivate func add(_ description: StepDescription, _ start: UInt64, _ end: UInt64) {
      list.withLock { $0.append((description, start, end)) }
    }
  }
}

extension StepDescription {
  /// A node that the interpreter ran on these values.
  fileprivate init(_ node: Node, inputs: [RuntimeValue?], outputs: [RuntimeValue?]) {
    self.init(
      node: node.label, op: node.op, inputs: inputs.compactMap { $0?.type },
      outputs: outputs.compactMap { $0?.type }, choice: nil,
      multiplyAdds: MultiplyAdds.count(
        node, inputs: inputs.map { $0?.tensor?.shape }, outputs: outputs.map { $0?.tensor?.shape }),
      byteCount: (inputs + outputs).reduce(0) { $0 + ($1?.tensor?.bytes?.count ?? 0) })
  }
}

extension Interpreter {
  /// Computes one node that has no subgraphs' captures to fill, as constant folding does: from all its inputs' values
  /// to its outputs' (nil for those not asked for).
  /// - Throws: `GraphError` where the operator is not known or can't take the values.
  public static func evaluate(
    node: Node, inputs: [RuntimeValue?], registry: OperatorRegistry = .standard
  ) throws -> [RuntimeValue?] {
    do {
      return try NodeEvaluator(registry: registry).evaluate(node, inputs: inputs) { subgraph, inputs in
        guard subgraph.captures.isEmpty, inputs.count == subgraph.graph.inputs.count else {
          throw GraphError(.invalidGraph, "subgraph '\(subgraph.graph.name)' reads values from outside")
        }
        let values = Dictionary(zip(subgraph.graph.inputs, inputs)) { _, last in last }
        return try Interpreter(subgraph.graph, registry: registry).run(values)
      }
    } catch let error as GraphError {
      throw error.inside(node)
    }
  }
}
