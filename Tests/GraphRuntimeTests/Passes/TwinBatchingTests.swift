import Testing

@testable import GraphRuntime

@Suite("Twins run as one batch")
struct TwinBatchingTests {
  /// The pass, with small weights worth it.
  private static let pass = TwinBatching(leastSavedBytes: 0)
  private static let padded: [String: Attribute] = ["pads": .ints([1, 1, 1, 1])]

  /// A graph of several inputs of one shape; `build` adds to it and returns the outputs.
  private func graph(
    _ count: Int, _ shape: [Int], _ build: (inout Graph, [Value.ID]) -> [Value.ID]
  ) -> Graph {
    var graph = Graph(name: "twins")
    let inputs = (0..<count).map { index in
      graph.addInput("x\(index)", .tensor(TensorType(.float32, Shape(shape))))
    }
    for output in build(&graph, inputs) { graph.addOutput(output) }
    return graph
  }

  @Test(arguments: [2, 3, 5]) func batchesBranchesThatShareWeights(count: Int) throws {
    let before = graph(count, [2, 16, 2, 2]) { g, inputs in
      let (w, v) = (g.noise(32, 16, 3, 3), g.noise(64, 32, 1, 1, seed: 4))
      let features = inputs.map { x in
        g.add("Conv", g.add("Relu", g.add("Conv", x, w, attributes: Self.padded)), v)
      }
      return [features.dropFirst().reduce(features[0]) { g.add("Max", $0, $1) }]
    }
    let after = try expectSameResults(Self.pass, on: before)
    #expect(after.census == ["Concat": 1, "Conv": 2, "Relu": 1, "Split": 1, "Max": count - 1])
    // The parts lie where the batch has them.
    let plan = try expectSessionResults(after, level: .none).plan()
    #expect(!plan.steps.contains { $0.op == "Split" })
  }

  /// Folding has given each branch weights of its own, equal in content.
  @Test func equalWeightsCountAsShared() throws {
    let before = graph(2, [1, 8, 4, 4]) { g, inputs in
      inputs.map { g.add("Conv", $0, g.noise(16, 8, 3, 3), g.noise(16, seed: 5)) }
    }
    #expect(try expectSameResults(Self.pass, on: before).census == ["Concat": 1, "Conv": 1, "Split": 1])
  }

  /// Many kinds of nodes that may be stacked, in one chain with most of the weights at its ends.
  @Test func batchesAllThatTreatsEntriesOneByOne() throws {
    let before = graph(2, [2, 16, 4, 4]) { g, inputs in
      let weights = [
        g.noise(64, 16, 7, 7), g.noise(64, seed: 4, plus: 2), g.noise(64, seed: 5), g.noise(64, seed: 6),
        g.noise(64, seed: 7, plus: 2), g.noise(64, 20, seed: 8), g.noise(20, seed: 9),
        g.noise(20, 2000, seed: 10),
      ]
      let pads = g.addInitializer("pads", Tensor([Int64(0), 0, 1, 1, 0, 0, 0, 0], shape: [8]))
      let flat = g.addInitializer("flat", Tensor([Int64(-1), 64], shape: [2]))
      let sizes = g.addInitializer("sizes", Tensor([Int64(48), 16], shape: [2]))
      let axes = g.addInitializer("axes", Tensor([Int64(2), -1], shape: [2]))
      let window: [String: Attribute] = ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])]
      return inputs.map { x in
        var y = g.add("Conv", x, weights[0], attributes: ["pads": .ints([3, 3, 3, 3])])
        y = g.add("BatchNormalization", g.add("Pad", y, pads), weights[1], weights[2], weights[3], weights[4])
        y = g.add("LRN", g.add("MaxPool", y, attributes: window), attributes: ["size": .int(3)])
        let halves = [g.addValue("first"), g.addValue("second")]
        g.addNode("Split", inputs: [y, sizes], outputs: halves, attributes: ["axis": .int(1)])
        y = g.add("Concat", halves[1], g.add("Sigmoid", halves[0]), attributes: ["axis": .int(-3)])
        let turned = g.add("Transpose", y, attributes: ["perm": .ints([0, 2, 3, 1])])
        y = g.add("Transpose", turned, attributes: ["perm": .ints([0, 3, 1, 2])])
        let mean = g.add("ReduceMean", y, axes, attributes: ["keepdims": .int(0)])
        y = g.add("Add", g.add("Reshape", g.add("GlobalMaxPool", y), flat), mean)
        y = g.add("Gemm", g.add("Flatten", y), weights[5], weights[6])
        return g.add("MatMul", g.add("Softmax", y), weights[7])
      }
    }
    let after = try expectSameResults(Self.pass, on: before)
    #expect(after.census.values.reduce(0, +) == before.nodes.count / 2 + 2)
    try expectSessionResults(after)
  }

  @Test func leavesWhatMixesEntries() throws {
    let before = graph(2, [2, 6]) { g, inputs in
      let (w, bias) = (g.noise(6, 6), g.noise(2, 6, seed: 4))
      let pads = g.addInitializer("pads", Tensor([Int64(1), 0, 0, 0], shape: [4]))
      let shape = g.addInitializer("shape", Tensor([Int64(2), 2, 3], shape: [3]))
      return inputs.flatMap { x in
        let y = g.add("MatMul", x, w)
        return [
          g.add("Add", y, bias), g.add("Pad", y, pads), g.add("Softmax", y, attributes: ["axis": .int(-2)]),
          g.add("Reshape", y, shape), g.add("Gemm", y, bias, attributes: ["transA": .int(1)]),
          g.add("Flatten", y, attributes: ["axis": .int(0)]),
          g.add("Transpose", y, attributes: ["perm": .ints([1, 0])]),
        ]
      }
    }
    var census = before.census
    census["MatMul"] = 1
    census["Concat"] = 1
    census["Split"] = 1
    #expect(try expectSameResults(Self.pass, on: before).census == census)
  }

  /// One branch goes on alone, and what is in the middle is read elsewhere and asked for.
  @Test func splitsWhereTwinsPart() throws {
    let before = graph(3, [1, 4, 3, 3]) { g, inputs in
      let (w, v) = (g.noise(8, 4, 3, 3), g.noise(16, 8, 3, 3, seed: 4))
      let middle = inputs.prefix(2).map { g.add("Conv", $0, w, attributes: Self.padded) }
      let ends = middle.map { g.add("Conv", $0, v, attributes: Self.padded) }
      let other = g.add("Conv", inputs[2], g.noise(8, 4, 1, 1, seed: 5))
      return [
        middle[1], g.add("Sub", middle[0], other), ends[0], g.add("Conv", ends[1], g.noise(4, 16, 1, 1)),
      ]
    }
    let after = try expectSameResults(Self.pass, on: before)
    #expect(after.census == ["Concat": 1, "Conv": 4, "Split": 2, "Sub": 1])
    try expectSessionResults(after)
  }

  @Test func leavesBranchesOfOtherWeightsOrShapes() throws {
    var before = graph(2, [1, 4, 3, 3]) { g, inputs in
      inputs.enumerated().map { g.add("Conv", $1, g.noise(8, 4, 1, 1, seed: UInt64($0 + 3))) }
    }
    #expect(try expectSameResults(Self.pass, on: before).census == ["Conv": 2])
    before = graph(1, [1, 4, 3, 3]) { g, inputs in
      let y = g.addInput("y", .tensor(TensorType(.float32, [1, 4, 5, 5])))
      let w = g.noise(8, 4, 1, 1)
      return [g.add("Conv", inputs[0], w), g.add("Conv", y, w)]
    }
    #expect(try expectSameResults(Self.pass, on: before).census == ["Conv": 2])
  }

  /// A layer that is applied again to what became of its result.
  @Test func leavesWhatDependsOnItsTwin() throws {
    let before = graph(2, [1, 8]) { g, inputs in
      let w = g.noise(8, 8)
      let first = g.add("MatMul", inputs[0], w)
      let second = g.add("MatMul", g.add("Add", first, inputs[1]), w)
      return [g.add("MatMul", g.add("Add", second, inputs[1]), w)]
    }
    #expect(try expectSameResults(Self.pass, on: before).census == ["MatMul": 3, "Add": 2])
  }

  /// 576 weights a layer, and 16 values a pixel.
  @Test(arguments: [(5, true), (6, false)]) func weighsWeightsAgainstActivations(size: Int, isBatched: Bool)
    throws
  {
    let before = graph(2, [1, 8, size, size]) { g, inputs in
      let w = g.noise(8, 8, 3, 3)
      return inputs.map { g.add("Conv", $0, w, attributes: Self.padded) }
    }
    #expect(try (before.after(Self.pass).census["Concat"] != nil) == isBatched)
    #expect(try before.after(TwinBatching()).census["Concat"] == nil)
  }

  /// Large pictures at either end stay alone.
  @Test func batchesTheLayersWithTheWeights() throws {
    let before = graph(2, [1, 8, 24, 24]) { g, inputs in
      let (w, v) = (g.noise(8, 8, 3, 3), g.noise(64, 8, 1, 1, seed: 4))
      let (u, up) = (g.noise(16, 64, 1, 1, seed: 5), g.noise(16, 4, 8, 8, seed: 6))
      let large: [String: Attribute] = ["kernel_shape": .ints([8, 8]), "strides": .ints([8, 8])]
      return inputs.map { x in
        let small = g.add("MaxPool", g.add("Conv", x, w, attributes: Self.padded), attributes: large)
        let code = g.add(
          "Relu", g.add("Conv", g.add("MaxPool", small, attributes: ["kernel_shape": .ints([3, 3])]), v))
        let grown = g.add(
          "ConvTranspose", g.add("Conv", code, u), up, attributes: ["strides": .ints([8, 8])])
        return g.add("Tanh", grown)
      }
    }
    let after = try expectSameResults(Self.pass, on: before)
    #expect(
      after.census == [
        "Conv": 4, "MaxPool": 4, "Concat": 1, "Relu": 1, "ConvTranspose": 1, "Split": 1, "Tanh": 2,
      ])
    try expectSessionResults(after)
  }

  /// The plan weighs what the optimiser could not.
  @Test func plansBatchTwinsOfSymbolicShapes() throws {
    var g = Graph(name: "twins")
    let inputs = ["a", "b"].map { name in
      g.addInput(name, .tensor(TensorType(.float32, [.symbol("rows of \(name)"), 1024])))
    }
    let w = g.noise(1024, 2048)
    let features = inputs.map { g.add("MatMul", $0, w) }
    g.addOutput(g.add("Max", features[0], features[1]))
    let session = try Session(g)
    #expect(session.graph.census == ["MatMul": 2, "Max": 1])
    func batches(_ session: Session, _ a: Int, _ b: Int) throws -> Bool {
      try session.plan(for: ["a": [a, 1024], "b": [b, 1024]]).steps.contains { $0.op == "Concat" }
    }
    // 8 MiB of weights, and 12 KiB a row.
    #expect(try batches(session, 1, 1))
    #expect(try !batches(session, 400, 400))
    // What differs in size is no twin.
    #expect(try !batches(session, 2, 1))
    var options = Session.Options()
    options.optimization = .basic
    #expect(try !batches(Session(g, options: options), 1, 1))

    var noise = Noise(9)
    let (a, b) = (noise.tensor(3, 1024), noise.tensor(3, 1024))
    let expected = try Interpreter(g).run([inputs[0]: .tensor(a), inputs[1]: .tensor(b)])[0].tensor
    let result = try #require(session.run(["a": a, "b": b]).values.first)
    #expect(result.difference(from: try #require(expected), relative: 1e-4, absolute: 1e-3) == nil)
  }
}
