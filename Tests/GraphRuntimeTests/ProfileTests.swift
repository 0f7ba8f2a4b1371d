import Testing

@testable import GraphRuntime

@Suite struct ProfileTests {
  private func session(_ build: (inout Graph, Value.ID) -> Void) throws -> Session {
    var graph = Graph()
    build(&graph, graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N")]))))
    var options = Session.Options()
    options.profile = true
    options.optimization = .none
    return try Session(graph, options: options)
  }

  /// Two outputs asked for one after the other are two plans: the trace holds both.
  @Test func everyPlanIsInTheTrace() throws {
    let session = try session { graph, x in
      graph.addOutput(graph.add("Relu", x, name: "first", output: "a"))
      graph.addOutput(graph.add("Neg", x, name: "second", output: "b"))
    }
    let x = Tensor([1, -1] as [Float], shape: [2])
    for output in ["a", "b", "a"] { _ = try session.run(["x": x], outputs: [output]) }
    let events = session.profile.events
    #expect(events.map(\.description.op) == ["Neg", "Relu"])
    #expect(zip(events, events.dropFirst()).allSatisfy { $0.start <= $1.start })
    #expect(session.profile.steps.map(\.runs) == [2, 1])
  }

  @Test func interpretedNodesAreRecorded() throws {
    let session = try session { graph, x in
      let places = graph.add("NonZero", graph.add("Relu", x, name: "relu"), name: "places")
      graph.addOutput(graph.add("Shape", places, name: "size", output: "y"))
    }
    for values in [[1, 0, 2], [0, 3, 4]] as [[Float]] {
      _ = try session.run(["x": Tensor(values, shape: [3])])
    }
    let profile = session.profile
    #expect(profile.events.map(\.description.op) == ["Relu", "NonZero", "Shape"])
    #expect(profile.steps.map(\.runs) == [2, 2, 2])
    #expect(profile.events.dropFirst().first?.description.signature == "float[3] -> int64[1, 2]")
  }
}
