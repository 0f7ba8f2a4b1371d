import Testing

@testable import GraphRuntime

@Suite("Fusion into and of convolutions")
struct FusionPassTests {
  private static let padded: [String: Attribute] = ["pads": .ints([1, 1, 1, 1])]

  @Test func fusesActivation() throws {
    let before = graph([1, 3, 5, 5]) { g, x in
      [g.add("Relu", g.add("Conv", x, g.noise(4, 3, 3, 3), g.noise(4, seed: 8)))]
    }
    #expect(try expectSameResults(ConvolutionFusion(), on: before).census == ["FusedConv": 1])
  }

  @Test func fusesClipByConstants() throws {
    let before = graph([1, 3, 5, 5]) { g, x in
      let low = g.addInitializer("low", Tensor(scalar: Float(-0.25)))
      let high = g.addInitializer("high", Tensor(scalar: Float(0.5)))
      return [g.add("Clip", g.add("Conv", x, g.noise(4, 3, 3, 3)), low, high)]
    }
    #expect(try expectSameResults(ConvolutionFusion(), on: before).census == ["FusedConv": 1])
  }

  /// Channel by channel, too: the kernel for few channels a group is another.
  @Test(arguments: [1, 4]) func fusesResidualAndActivation(groups: Int) throws {
    let before = graph([2, 4, 5, 5]) { g, x in
      var attributes = Self.padded
      attributes["group"] = .int(groups)
      let y = g.add("Conv", x, g.noise(4, 4 / groups, 3, 3), g.noise(4, seed: 8), attributes: attributes)
      return [g.add("Relu", g.add("Add", x, y))]
    }
    #expect(try expectSameResults(ConvolutionFusion(), on: before).census == ["FusedConv": 1])
  }

  @Test func fusesOneOfTwoConvolutionsThatAreAdded() throws {
    let before = graph([1, 4, 5, 5]) { g, x in
      let a = g.add("Conv", x, g.noise(4, 4, 3, 3), attributes: Self.padded)
      let b = g.add("Conv", x, g.noise(4, 4, 1, 1, seed: 9))
      return [g.add("Relu", g.add("Add", a, b))]
    }
    #expect(try expectSameResults(ConvolutionFusion(), on: before).census == ["FusedConv": 1, "Conv": 1])
  }

  @Test func leavesAConvolutionWithOtherReaders() throws {
    let before = graph([1, 3, 5, 5]) { g, x in
      let y = g.add("Conv", x, g.noise(4, 3, 3, 3))
      return [g.add("Relu", y), g.add("Neg", y)]
    }
    #expect(
      try expectSameResults(ConvolutionFusion(), on: before).census == ["Conv": 1, "Relu": 1, "Neg": 1])
  }

  @Test func leavesAnOutputOfTheGraph() throws {
    let before = graph([1, 3, 5, 5]) { g, x in
      let y = g.add("Conv", x, g.noise(4, 3, 3, 3))
      return [y, g.add("Relu", y)]
    }
    #expect(try expectSameResults(ConvolutionFusion(), on: before).census == ["Conv": 1, "Relu": 1])
  }

  @Test func leavesAddendsThatBroadcast() throws {
    let before = graph([1, 4, 5, 5]) { g, x in
      let y = g.add("Conv", x, g.noise(4, 4, 3, 3), attributes: Self.padded)
      return [g.add("Add", y, g.add("GlobalAveragePool", x))]
    }
    #expect(
      try expectSameResults(ConvolutionFusion(), on: before).census == [
        "Conv": 1, "Add": 1, "GlobalAveragePool": 1,
      ])
  }

  @Test func leavesLimitsThatAreComputed() throws {
    let before = graph([1, 1, 3, 3]) { g, x in
      let y = g.add("Conv", x, g.noise(2, 1, 1, 1))
      let low = g.add("ReduceMin", x, attributes: ["keepdims": .int(0)])
      return [g.add("Clip", y, low)]
    }
    #expect(
      try expectSameResults(ConvolutionFusion(), on: before).census == ["Conv": 1, "Clip": 1, "ReduceMin": 1])
  }

  @Test func expandsIntoStandardOperators() throws {
    let before = graph([1, 4, 5, 5]) { g, x in
      let low = g.addInitializer("low", Tensor(scalar: Float(-0.25)))
      let y = g.add("Conv", x, g.noise(4, 4, 3, 3), g.noise(4, seed: 8), attributes: Self.padded)
      return [g.add("Clip", g.add("Add", y, x), low, output: "result")]
    }
    let fused = try before.after(ConvolutionFusion())
    #expect(fused.census == ["FusedConv": 1])
    let expanded = try fused.expandingInternalOperators()
    #expect(expanded.census == ["Conv": 1, "Add": 1, "Clip": 1])
    #expect(expanded.outputs.map { expanded[$0].name } == ["result"])
    let (a, b) = (try before.outputsOnNoise()[0], try expanded.outputsOnNoise()[0])
    #expect(a.difference(from: b, relative: 0, absolute: 1e-6) == nil)
  }

  @Test func refusesAnActivationThatIsNotKnown() {
    let node = SingleNode(op: FusedConvolution.name, attributes: ["activation": .string("Twist")])
    let x = Tensor([1, 2, 3, 4] as [Float], shape: [1, 1, 2, 2])
    #expect(throws: GraphError.self) { try node.run([x, x]) }
  }

  /// Of the branches that are no whole number of blocks only the widest, as the last part; not the one without
  /// activation.
  @Test func mergesBranchesThatReadTheSame() throws {
    let before = graph([2, 3, 5, 5]) { g, x in
      let a = g.add("Relu", g.add("Conv", x, g.noise(8, 3, 1, 1), g.noise(8, seed: 8)))
      let b = g.add("Relu", g.add("Conv", x, g.noise(24, 3, 1, 1, seed: 9), g.noise(24, seed: 12)))
      let c = g.add("Relu", g.add("Conv", x, g.noise(32, 3, 1, 1, seed: 10), g.noise(32, seed: 13)))
      let d = g.add("Relu", g.add("Conv", x, g.noise(16, 3, 1, 1, seed: 11)))
      let e = g.add("Conv", x, g.noise(16, 3, 1, 1, seed: 14))
      return [a, b, g.add("Neg", c), d, e]
    }
    let fused = try before.after(ConvolutionFusion())
    let after = try expectSameResults(SiblingMerge(), on: fused)
    #expect(after.census == ["FusedConv": 2, "Split": 1, "Neg": 1, "Conv": 1])
    let split = try #require(after.nodes.first { $0.op == "Split" })
    let channels = split.outputs.map { after[$0!].type?.tensor?.concreteShape?[1] }
    #expect(Set(channels) == [16, 24, 32] && channels.last == 24)
  }

  /// The outputs of the split lie where the merged convolution has put them.
  @Test func splitsMergedBranchesAtNoCost() throws {
    let before = graph([1, 32, 7, 7]) { g, x in
      let branches = [(24, 7), (32, 8), (16, 9)].map { channels, seed in
        g.add("Relu", g.add("Conv", x, g.noise(channels, 32, 1, 1, seed: UInt64(seed))))
      }
      return branches.enumerated().map { index, branch in
        let channels = [24, 32, 16][index]
        return g.add(
          "Conv", branch, g.noise(16, channels, 3, 3, seed: UInt64(20 + index)),
          attributes: ["pads": .ints([1, 1, 1, 1])])
      }
    }
    let session = try expectSessionResults(before)
    #expect(session.graph.census == ["FusedConv": 1, "Split": 1, "Conv": 3])
    #expect(try !session.plan().steps.contains { $0.op == "Split" })
  }

  @Test func leavesBranchesOfOtherStridesAndWindows() throws {
    let before = graph([1, 3, 5, 5]) { g, x in
      [
        g.add("Conv", x, g.noise(16, 3, 1, 1)),
        g.add("Conv", x, g.noise(16, 3, 1, 1, seed: 9), attributes: ["strides": .ints([2, 2])]),
        g.add("Conv", x, g.noise(16, 3, 3, 3)), g.add("Conv", x, g.noise(16, 3, 3, 3, seed: 9)),
      ]
    }
    #expect(try expectSameResults(SiblingMerge(), on: before).census == ["Conv": 4])
  }
}
