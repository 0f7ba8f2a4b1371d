import Synchronization
import Testing

@testable import GraphRuntime

@Suite struct SessionTests {
  private let vector: ValueType = .tensor(TensorType(.float32, [.symbol("N")]))

  private func session(_ graph: Graph, _ configure: (inout Session.Options) -> Void = { _ in }) throws
    -> Session
  {
    var options = Session.Options()
    options.optimization = .none
    configure(&options)
    return try Session(graph, options: options, registry: TestOperators.registry)
  }

  private func tensor(_ elements: [Float]) -> Tensor { Tensor(elements, shape: [elements.count]) }

  /// y = 3x + (3x + 3x), with a second output 3x.
  private func sample() -> Graph {
    var graph = Graph()
    let x = graph.addInput("x", vector)
    let scaled = graph.add("TestScale", x, attributes: ["factor": .float(3)], output: "scaled")
    let doubled = graph.add("TestAdd", scaled, scaled)
    graph.addOutput(graph.add("TestAdd", scaled, doubled, output: "y"))
    graph.addOutput(scaled)
    return graph
  }

  @Test func runsForAnyShapeAndCachesPlans() throws {
    let session = try session(sample())
    for _ in 0..<2 {
      for elements: [Float] in [[1], [1, 2], [-1, 0, 4]] {
        let results = try session.run(["x": tensor(elements)])
        #expect(results["y"]?.elements() == elements.map { $0 * 9 })
        #expect(results["scaled"]?.elements() == elements.map { $0 * 3 })
      }
    }
    #expect(try session.plan(for: ["x": [2]]) === session.plan(for: ["x": [2]]))
  }

  @Test func asksOnlyForWhatIsWanted() throws {
    let session = try session(sample())
    let results = try session.run(["x": tensor([1])], outputs: ["scaled"])
    #expect(results.count == 1)
    #expect(results["scaled"]?.elements() == [Float(3)])
    #expect(try session.plan(for: ["x": [1]], outputs: ["scaled"]).steps.count == 1)
  }

  @Test func outputsAreNotOverwrittenInPlace() throws {
    let plan = try session(sample()).plan(for: ["x": [16]])
    // `doubled` may not go over `scaled`, which is an output, but `y` goes over `doubled`, in the output's memory.
    #expect(plan.memory.buffers == 1)  // the scratch of TestScale
    #expect(plan.memory.outputBytes == 128)
  }

  @Test func outputsThatAreInputsConstantsAndViewsAreGiven() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("A"), 2])))
    let flat = graph.add("TestFlatten", x, output: "flat")
    let constant = graph.addInitializer("constant", tensor([5, 6]))
    let scaled = graph.add("TestScale", x, attributes: ["factor": .float(2)], output: "scaled")
    let view = graph.add("TestFlatten", scaled, output: "view")
    for id in [x, flat, constant, scaled, view] { graph.addOutput(id) }
    let results = try session(graph).run(["x": Tensor([Float(1), 2], shape: [1, 2])])
    #expect(results["x"]?.elements() == [Float(1), 2])
    #expect(results["x"]?.shape == [1, 2])
    #expect(results["flat"]?.elements() == [Float(1), 2])
    #expect(results["constant"]?.elements() == [Float(5), 6])
    #expect(results["scaled"]?.shape == [1, 2])
    #expect(results["view"]?.elements() == [Float(2), 4])
    #expect(results["view"]?.shape == [2])
  }

  @Test func inputsAreNeverWrittenOver() throws {
    var graph = Graph()
    let x = graph.addInput("x", vector)
    let constant = graph.addInitializer("constant", tensor([1, 1]))
    graph.addOutput(graph.add("TestAdd", x, constant, output: "y"))
    let input = tensor([1, 2])
    let session = try session(graph)
    for _ in 0..<3 { #expect(try session.run(["x": input])["y"]?.elements() == [Float(2), 3]) }
    #expect(input.elements() == [Float(1), 2])
  }

  @Test func constantsAreFoldedWhenPlanned() throws {
    var graph = Graph()
    let x = graph.addInput("x", vector)
    let constant = graph.addInitializer("constant", tensor([1, 1]))
    let sum = graph.add("TestAdd", constant, constant)
    graph.addOutput(graph.add("TestAdd", x, sum, output: "y"))
    let session = try session(graph)
    #expect(try session.plan(for: ["x": [2]]).steps.count == 1)
    #expect(try session.run(["x": tensor([1, 2])])["y"]?.elements() == [Float(3), 4])
  }

  @Test func dataDependentGraphsRunInTheInterpreter() throws {
    var graph = Graph()
    let x = graph.addInput("x", vector)
    let positive = graph.add("TestPositive", x)
    graph.addOutput(graph.add("TestScale", positive, attributes: ["factor": .float(2)], output: "y"))
    let session = try session(graph)
    #expect(try session.run(["x": tensor([-1, 3, 4])])["y"]?.elements() == [Float(6), 8])
    #expect(try session.plan(for: ["x": [3]]).isDynamic)
  }

  /// How often the operators' rules are asked for a graph of one node while a session is made.
  private func inferences(isOptimized: Bool, shape: Shape) throws -> Int {
    final class Counter: Sendable { let calls = Mutex(0) }
    let counter = Counter()
    let counting = Operator(
      "TestCounting", inputs: 1...1,
      infer: { inference in
        counter.calls.withLock { $0 += 1 }
        inference.same()
      },
      kernel: { builder in
        let (x, y) = (try builder.input(0), try builder.output())
        builder.emit { $0.pointer(y.slot, as: Float.self).update(from: $0.pointer(x.slot), count: y.count) }
      })
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, shape)))
    graph.addOutput(graph.add("TestCounting", x, output: "y"))
    if isOptimized { graph.passReports = [PassReport(name: "constant-folding", changes: 1)] }
    var options = Session.Options()
    options.optimization = .none
    let session = try Session(graph, options: options, registry: OperatorRegistry(families: [[counting]]))
    #expect(try session.run(["x": tensor([1, 2])])["y"]?.elements() == [Float(1), 2])
    return counter.calls.withLock { $0 }
  }

  @Test func anOptimizedGraphOfFixedShapesIsInferredOnce() throws {
    #expect(try inferences(isOptimized: true, shape: [2]) == 1)
    // Else once to tell at load what can't run, once for the shapes that come.
    #expect(try inferences(isOptimized: true, shape: [.symbol("N")]) == 2)
    #expect(try inferences(isOptimized: false, shape: [2]) == 2)
  }

  @Test func anOptimizedGraphTellsAtLoadWhatCantRun() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, [2])))
    graph.addOutput(graph.add("Nonsense", x, name: "first"))
    graph.addOutput(graph.add("Gibberish", x, name: "second"))
    graph.passReports = [PassReport(name: "constant-folding", changes: 1)]
    let error = #expect(throws: GraphError.self) { try session(graph) }
    #expect(error?.description.contains("first (Nonsense)") == true)
    #expect(error?.description.contains("second (Gibberish)") == true)
  }

  @Test func everyUnsupportedNodeIsReportedAtLoad() throws {
    var graph = Graph()
    let x = graph.addInput("x", vector)
    graph.addOutput(graph.add("Nonsense", x, name: "first"))
    graph.addOutput(graph.add("Gibberish", x, name: "second"))
    let error = #expect(throws: GraphError.self) { try session(graph) }
    #expect(error?.category == .unsupportedOperator)
    #expect(error?.description.contains("first (Nonsense)") == true)
    #expect(error?.description.contains("second (Gibberish)") == true)
  }

  @Test func wrongInputsGetClearMessages() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N"), 2])))
    graph.addOutput(graph.add("TestScale", x, output: "y"))
    let session = try session(graph)
    func message(_ inputs: [String: Tensor], outputs: [String]? = nil) -> String? {
      #expect(throws: GraphError.self) { try session.run(inputs, outputs: outputs) }?.message
    }
    #expect(message([:]) == "input 'x' (float[N, 2]) is not given")
    #expect(message(["z": tensor([1])]) == "there is no input 'z'; the inputs are 'x'")
    #expect(
      message(["x": tensor([1])]) == "input 'x' is declared as float[N, 2], but float[1] is given")
    #expect(
      message(["x": Tensor([Int32(1), 2], shape: [1, 2])])
        == "input 'x' has element type float, but int32 is given")
    #expect(
      message(["x": Tensor([Float(1), 2], shape: [1, 2])], outputs: ["w"])
        == "there is no output 'w'; the outputs are 'y'")
  }

  @Test func theMemoryLimitHoldsBeforeAnythingIsAllocated() throws {
    let session = try session(sample()) { $0.maxMemory = 1000 }
    _ = try session.run(["x": tensor([1])])
    let error = #expect(throws: GraphError.self) { try session.plan(for: ["x": [1 << 40]]) }
    #expect(error?.category == .limitExceeded)
  }

  @Test func manyThreadsShareASession() async throws {
    let session = try session(sample()) { $0.threads = 2 }
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for task in 0..<8 {
        group.addTask {
          let elements = (0..<(1 + task % 3)).map { Float($0 + task) }
          for _ in 0..<50 {
            let result = try session.run(["x": Tensor(elements, shape: [elements.count])])["y"]
            if result?.elements() != elements.map({ $0 * 9 }) { return false }
          }
          return true
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }

  @Test func executionsAreReusable() throws {
    let execution = try Execution(session(sample()).plan(for: ["x": [2]]))
    for value: Float in [1, 2, 3] {
      execution.withInput(0) { $0.bindMemory(to: Float.self).update(repeating: value) }
      try execution.run()
      #expect(execution.withOutput(0) { Array($0.bindMemory(to: Float.self)) } == [value * 9, value * 9])
    }
  }

  /// Idle runs keep no more memory than the newest needs, or than is allowed in any case.
  @Test func idleExecutionsAreKeptInBounds() throws {
    let session = try session(sample())
    let idle = IdleExecutions(allowance: 1000)
    func execution(_ count: Int) throws -> Execution { try Execution(session.plan(for: ["x": [count]])) }
    // TestScale's scratch: 4 bytes an element, rounded up to 64.
    let (small, other, large) = (try execution(100), try execution(120), try execution(1000))
    #expect(small.arenaBytes == 448 && other.arenaBytes == 512 && large.arenaBytes == 4032)
    idle.keep(small)
    idle.keep(other)
    #expect(idle.arenaBytes == 960)
    idle.keep(large)
    #expect(idle.arenaBytes == 4032)
    #expect(idle.take(for: small.plan) == nil)
    #expect(idle.take(for: large.plan) === large)
    #expect(idle.take(for: large.plan) == nil)
    for _ in 0..<6 { idle.keep(small) }
    #expect(idle.arenaBytes <= 1000)
    idle.forget(small.plan)
    #expect(idle.arenaBytes == 0)
  }
}
