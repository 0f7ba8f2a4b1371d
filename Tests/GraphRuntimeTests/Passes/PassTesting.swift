import Testing

@testable import GraphRuntime

/// Deterministic noise for tests.
struct Noise {
  private var state: UInt64

  init(_ seed: UInt64 = 1) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  /// The next number in -1..<1.
  mutating func next() -> Float {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(1 << 31)
  }

  mutating func tensor(_ shape: Int...) -> Tensor {
    Tensor((0..<shape.reduce(1, *)).map { _ in next() }, shape: shape)
  }
}

extension Graph {
  /// The graph after one pass has run until it finds nothing more.
  func after(_ pass: any Pass) throws -> Graph {
    var graph = self
    try Optimizer(passes: [pass]).run(&graph)
    return graph
  }

  /// How often each operator stands in the graph.
  var census: [String: Int] { nodes.reduce(into: [:]) { $0[$1.op.type, default: 0] += 1 } }

  /// Noise for every input, the same for graphs with the same inputs.
  func noiseForInputs() throws -> [Value.ID: Tensor] {
    var noise = Noise(7)
    var values: [Value.ID: Tensor] = [:]
    for input in inputs {
      let shape = try #require(self[input].type?.tensor?.concreteShape)
      let elements = (0..<shape.reduce(1, *)).map { _ in noise.next() }
      values[input] = Tensor(elements, shape: shape)
    }
    return values
  }

  /// Runs the graph on noise, the same for graphs with the same inputs.
  func outputsOnNoise() throws -> [Tensor] {
    try Interpreter(self).run(noiseForInputs().mapValues(RuntimeValue.tensor)).map { try #require($0.tensor) }
  }
}

/// Expects that sessions of `graph`, on one thread and on two, give what the interpreter does, and returns the last.
@discardableResult
func expectSessionResults(
  _ graph: Graph, level: OptimizationLevel = .all, sourceLocation: SourceLocation = #_sourceLocation
) throws -> Session {
  let expected = try graph.outputsOnNoise()
  let inputs = try graph.noiseForInputs()
  let named = Dictionary(uniqueKeysWithValues: inputs.map { (graph[$0].name, $1) })
  var options = Session.Options()
  options.optimization = level
  var last: Session?
  for threads in 1...2 {
    options.threads = threads
    let session = try Session(graph, options: options)
    last = session
    let results = try session.run(named)
    for (id, want) in zip(graph.outputs, expected) {
      let got = try #require(results[graph[id].name])
      let scale = max(1, want.elements(Float.self).map(abs).max() ?? 0)
      let difference = got.difference(from: want, relative: 0, absolute: 2e-5 * Double(scale))
      #expect(difference == nil, "\(graph[id].name)", sourceLocation: sourceLocation)
    }
  }
  return try #require(last)
}

/// Expects that `pass` leaves what `graph` computes on noise as it was, and returns the graph it makes.
@discardableResult
func expectSameResults(
  _ pass: any Pass, on graph: Graph, tolerance: Float = 1e-5,
  sourceLocation: SourceLocation = #_sourceLocation
) throws -> Graph {
  let rewritten = try graph.after(pass)
  let expected = try graph.outputsOnNoise()
  let actual = try rewritten.outputsOnNoise()
  #expect(
    rewritten.outputs.map { rewritten[$0].name } == graph.outputs.map { graph[$0].name },
    sourceLocation: sourceLocation)
  for (a, b) in zip(expected, actual) {
    #expect(a.shape == b.shape, sourceLocation: sourceLocation)
    let difference = zip(a.elements(Float.self), b.elements(Float.self)).map { abs($0 - $1) }.max() ?? 0
    #expect(difference <= tolerance, sourceLocation: sourceLocation)
  }
  return rewritten
}

/// A graph with one float input `x` of the given shape; `build` adds to it and returns the outputs.
func graph(_ shape: [Int], _ build: (inout Graph, Value.ID) -> [Value.ID]) -> Graph {
  var graph = Graph(name: "test")
  let x = graph.addInput("x", .tensor(TensorType(.float32, Shape(shape))))
  for output in build(&graph, x) { graph.addOutput(output) }
  return graph
}
