import Testing

@testable import GraphRuntime

@Suite struct DeadCodeEliminationTests {
  @Test func removesWhatNothingReads() throws {
    let before = graph([2, 3]) { g, x in
      let dead = g.add("Relu", x)
      _ = g.add("Relu", dead)
      return [g.add("Neg", x)]
    }
    #expect(try expectSameResults(DeadCodeElimination(), on: before).census == ["Neg": 1])
  }
}

@Suite struct ConstantFoldingTests {
  @Test func computesWhatDependsOnConstantsAlone() throws {
    let before = graph([2, 3]) { g, x in
      let a = g.addInitializer("a", Tensor([1, 2, 3] as [Float], shape: [3]))
      let b = g.addInitializer("b", Tensor([10] as [Float], shape: [1]))
      return [g.add("Mul", x, g.add("Add", a, b))]
    }
    let after = try expectSameResults(ConstantFolding(), on: before)
    #expect(after.census == ["Mul": 1])
  }

  @Test func takesShapesForConstants() throws {
    let before = graph([2, 3]) { g, x in
      [g.add("Reshape", g.add("Relu", x), g.add("Shape", x))]
    }
    #expect(try expectSameResults(ConstantFolding(), on: before).census == ["Relu": 1, "Reshape": 1])
  }

  @Test func leavesSmallRecipesOfLargeTensors() throws {
    let before = graph([1]) { g, x in
      let shape = g.addInitializer("shape", Tensor([512, 512] as [Int64], shape: [2]))
      return [g.add("Add", x, g.add("ConstantOfShape", shape))]
    }
    #expect(try before.after(ConstantFolding()).census == ["Add": 1, "ConstantOfShape": 1])
  }

  /// The driver infers types; the pass takes what that found, and does not infer them again.
  @Test func takesWhatTheDriverKnows() throws {
    var shape: Value.ID?
    let before = graph([2, 3]) { g, x in
      shape = g.add("Shape", x)
      return [g.add("Reshape", x, shape)]
    }
    let nothing = ShapeValues(dimensions: [:], constants: [:])
    #expect(try ConstantFolding().patch(for: before, known: nothing).isEmpty)
    let known = ShapeValues(
      dimensions: [:], constants: [try #require(shape): Tensor([3, 2] as [Int64], shape: [2])])
    #expect(try ConstantFolding().patch(for: before, known: known).changes == 1)
    #expect(try ConstantFolding().patch(for: before).changes == 1)
  }

  @Test func plansComputeAheadWhatTheyCantHold() throws {
    let graph = graph([1]) { g, x in
      let mask = g.addInitializer("mask", Tensor([Bool](repeating: true, count: 1 << 14), shape: [1 << 14]))
      return [g.add("Mul", x, g.add("Cast", g.add("NonZero", mask), attributes: ["to": .int(1)]))]
    }
    let node = graph.nodes[0]
    let constants = graph.initializers
    #expect(try NodeFolding().results(of: node, in: graph, constants: constants) == nil)
    let folding = NodeFolding(limitsUnplannable: false)
    let result = try #require(try folding.results(of: node, in: graph, constants: constants)?.first ?? nil)
    #expect(result.shape == [1, 1 << 14])
    #expect(try !Session(graph).plan().isDynamic)
  }

  @Test func leavesOutputsOfTheGraph() throws {
    let before = graph([1]) { g, x in
      let a = g.addInitializer("a", Tensor([1] as [Float], shape: [1]))
      return [g.add("Relu", x), g.add("Neg", a)]
    }
    #expect(try expectSameResults(ConstantFolding(), on: before).census == ["Relu": 1, "Neg": 1])
  }
}

@Suite struct NoOpEliminationTests {
  @Test func removesNodesThatPassTheirInputOn() throws {
    let before = graph([2, 3]) { g, x in
      let one = g.addInitializer("one", Tensor([1] as [Float], shape: [1]))
      let zero = g.addInitializer("zero", Tensor([0] as [Float], shape: [1]))
      let shape = g.addInitializer("shape", Tensor([2, 3] as [Int64], shape: [2]))
      var y = g.add("Relu", x)
      y = g.add("Identity", y)
      y = g.add("Mul", one, y)
      y = g.add("Add", y, zero)
      y = g.add("Reshape", y, shape)
      y = g.add("Transpose", y, attributes: ["perm": .ints([0, 1])])
      y = g.add("Cast", y, attributes: ["to": .int(1)])
      return [g.add("Neg", y)]
    }
    #expect(try expectSameResults(NoOpElimination(), on: before).census == ["Relu": 1, "Neg": 1])
  }

  @Test func keepsTheNamesOfOutputs() throws {
    let before = graph([2]) { g, x in [g.add("Identity", g.add("Relu", x), output: "result")] }
    let after = try expectSameResults(NoOpElimination(), on: before)
    #expect(after.census == ["Relu": 1])
    #expect(after[after.outputs[0]].name == "result")
  }

  @Test func leavesAnInputThatIsAnOutput() throws {
    let before = graph([2]) { g, x in [g.add("Identity", x, output: "copy")] }
    #expect(try expectSameResults(NoOpElimination(), on: before).census == ["Identity": 1])
  }

  @Test func leavesMultiplicationByOneThatBroadcasts() throws {
    let before = graph([1, 3]) { g, x in
      let ones = g.addInitializer("ones", Tensor([1, 1] as [Float], shape: [2, 1]))
      return [g.add("Mul", x, ones)]
    }
    #expect(try expectSameResults(NoOpElimination(), on: before).census == ["Mul": 1])
  }
}

@Suite struct CommonSubexpressionTests {
  @Test func mergesEqualNodesAndConstants() throws {
    let before = graph([2, 3]) { g, x in
      let a = g.addInitializer("a", Tensor([1, 2, 3] as [Float], shape: [3]))
      let b = g.addInitializer("b", Tensor([1, 2, 3] as [Float], shape: [3]))
      return [g.add("Mul", g.add("Relu", g.add("Add", x, a)), g.add("Relu", g.add("Add", x, b)))]
    }
    let after = try expectSameResults(CommonSubexpressions(), on: before)
    #expect(after.census == ["Add": 1, "Relu": 1, "Mul": 1])
    #expect(after.initializers.count == 1)
  }

  @Test func keepsNodesWithOtherAttributes() throws {
    let before = graph([2, 3]) { g, x in
      let a = g.add("Transpose", x, attributes: ["perm": .ints([1, 0])])
      let b = g.add("Transpose", x, attributes: ["perm": .ints([0, 1])])
      return [a, b]
    }
    #expect(try expectSameResults(CommonSubexpressions(), on: before).census == ["Transpose": 2])
  }

  @Test func keepsBothOfTwoOutputs() throws {
    let before = graph([2]) { g, x in [g.add("Relu", x, output: "p"), g.add("Relu", x, output: "q")] }
    #expect(try expectSameResults(CommonSubexpressions(), on: before).census == ["Relu": 2])
  }
}

@Suite struct TransposeCancellationTests {
  @Test func cancelsThroughElementwiseOperators() throws {
    let before = graph([1, 2, 3, 4]) { g, x in
      func toLast(_ v: Value.ID) -> Value.ID {
        g.add("Transpose", v, attributes: ["perm": .ints([0, 2, 3, 1])])
      }
      func toFirst(_ v: Value.ID) -> Value.ID {
        g.add("Transpose", v, attributes: ["perm": .ints([0, 3, 1, 2])])
      }
      let a = toLast(g.add("Relu", x))
      let b = toLast(g.add("Neg", x))
      return [g.add("Abs", toFirst(g.add("Exp", g.add("Mul", a, b))))]
    }
    var after = before
    try Optimizer(passes: [TransposeCancellation(), NoOpElimination()]).run(&after)
    #expect(after.census == ["Relu": 1, "Neg": 1, "Mul": 1, "Exp": 1, "Abs": 1])
    let (expected, actual) = (try before.outputsOnNoise()[0], try after.outputsOnNoise()[0])
    #expect(expected.elements(Float.self) == actual.elements(Float.self))
  }

  @Test func countsAxesFromTheBackToo() throws {
    let before = graph([2, 3, 4]) { g, x in
      let order: Attribute = .ints([-1, 0, -2])
      return [
        g.add("Transpose", g.add("Transpose", x, attributes: ["perm": order]), attributes: ["perm": order])
      ]
    }
    #expect(try expectSameResults(TransposeCancellation(), on: before).census == ["Transpose": 1])
  }

  @Test func leavesATransposeWithOtherReaders() throws {
    let before = graph([2, 3]) { g, x in
      let t = g.add("Transpose", x, attributes: ["perm": .ints([1, 0])])
      return [g.add("Relu", t), g.add("Neg", t)]
    }
    #expect(try expectSameResults(TransposeCancellation(), on: before).census["Transpose"] == 1)
  }
}
