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

  /// Runs the graph on noise, the same for graphs with the same inputs.
  func outputsOnNoise() throws -> [Tensor] {
    var noise = Noise(7)
    var values: [Value.ID: RuntimeValue] = [:]
    for input in inputs {
      let shape = try #require(self[input].type?.tensor?.concreteShape)
      let elements = (0..<shape.reduce(1, *)).map { _ in noise.next() }
      values[input] = .tensor(Tensor(elements, shape: shape))
    }
    return try Interpreter(self).run(values).map { try #require($0.tensor) }
  }
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
