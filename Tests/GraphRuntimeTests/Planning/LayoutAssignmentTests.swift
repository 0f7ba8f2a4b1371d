import Testing

@testable import GraphRuntime

/// What a session computes in channel blocks must be what the interpreter computes row by row.
@Suite struct LayoutAssignmentTests {
  /// Convolutions by random weights, with names made from `name`.
  private func convolution(
    _ g: inout Graph, _ x: Value.ID, _ noise: inout Noise, from: Int, to: Int, kernel: Int, stride: Int = 1,
    groups: Int = 1
  ) -> Value.ID {
    let w = g.addInitializer("w", noise.tensor(to, from / groups, kernel, kernel))
    let b = g.addInitializer("b", noise.tensor(to))
    let pad = kernel / 2
    return g.add(
      "Conv", x, w, b,
      attributes: [
        "pads": .ints([pad, pad, pad, pad]), "strides": .ints([stride, stride]), "group": .int(groups),
      ])
  }

  /// Expects the planned run to give what the interpreter gives, and returns how often each operator is planned.
  private func plannedLikeInterpreted(_ graph: Graph, tolerance: Float = 2e-4) throws -> [String: Int] {
    let session = try Session(graph)
    var noise = Noise(3)
    var tensors: [String: Tensor] = [:]
    var values: [Value.ID: RuntimeValue] = [:]
    for id in graph.inputs {
      let shape = try #require(graph[id].type?.tensor?.concreteShape)
      let tensor = Tensor((0..<shape.reduce(1, *)).map { _ in noise.next() }, shape: shape)
      tensors[graph[id].name] = tensor
      values[id] = .tensor(tensor)
    }
    let expected = try Interpreter(graph).run(values)
    let actual = try session.run(tensors)
    for (id, value) in zip(graph.outputs, expected) {
      let (a, b) = (try #require(value.tensor), try #require(actual[graph[id].name]))
      #expect(a.shape == b.shape)
      let difference = zip(a.elements(Float.self), b.elements(Float.self)).map { abs($0 - $1) }.max() ?? 0
      #expect(difference <= tolerance)
    }
    return try session.plan().steps.reduce(into: [:]) { $0[$1.op.type, default: 0] += 1 }
  }

  @Test(arguments: [16, 19, 32]) func residualBlocksStayBlocked(channels: Int) throws {
    let graph = graph([2, 3, 20, 17]) { g, x in
      var noise = Noise()
      let a = g.add("Relu", convolution(&g, x, &noise, from: 3, to: channels, kernel: 7, stride: 2))
      let b = g.add("Relu", convolution(&g, a, &noise, from: channels, to: channels, kernel: 3))
      let c = convolution(&g, b, &noise, from: channels, to: channels, kernel: 1)
      let d = g.add("Relu", g.add("Add", c, a))
      return [g.add("Flatten", g.add("GlobalAveragePool", d))]
    }
    let census = try plannedLikeInterpreted(graph)
    #expect(census["FusedConv"] == 3)
    #expect(census["Relayout", default: 0] <= 1, "only the pooled result is put in row-major order")
  }

  @Test func inceptionBranchesJoinInBlocks() throws {
    let graph = graph([1, 16, 111, 13]) { g, x in
      var noise = Noise()
      let a = g.add("Relu", convolution(&g, x, &noise, from: 16, to: 32, kernel: 1))
      let b = g.add("Relu", convolution(&g, x, &noise, from: 16, to: 16, kernel: 5))
      let pooled = g.add(
        "MaxPool", x,
        attributes: [
          "kernel_shape": .ints([3, 3]), "strides": .ints([1, 1]), "pads": .ints([1, 1, 1, 1]),
        ])
      let joined = g.add("Concat", a, b, pooled, attributes: ["axis": .int(1)])
      let normalized = g.add(
        "LRN", joined, attributes: ["size": .int(5), "alpha": .float(1e-3), "beta": .float(0.75)])
      return [
        g.add(
          "MaxPool", normalized,
          attributes: ["kernel_shape": .ints([3, 3]), "strides": .ints([2, 2]), "pads": .ints([0, 0, 1, 1])])
      ]
    }
    let census = try plannedLikeInterpreted(graph)
    #expect(census["Relayout", default: 0] <= 2, "the input and the result")
  }

  @Test func fusionOverImagesStaysBlocked() throws {
    let graph = graph([3, 3, 24, 31]) { g, x in
      var noise = Noise()
      let pads = g.addInitializer("pads", Tensor([0, 0, 1, 1, 0, 0, 1, 1] as [Int64], shape: [8]))
      let axes = g.addInitializer("axes", Tensor([0] as [Int64], shape: [1]))
      let features = convolution(&g, x, &noise, from: 3, to: 64, kernel: 7)
      let padded = g.add("Pad", features, pads, attributes: ["mode": .string("edge")])
      let w = g.addInitializer("w", noise.tensor(64, 64, 3, 3))
      let deep = g.add("Conv", padded, w)
      let fused = g.add("ReduceMax", deep, axes)
      return [convolution(&g, fused, &noise, from: 64, to: 3, kernel: 1)]
    }
    // Sums of 576 products of numbers of order 10, by Winograd: a few units in the last place of the largest.
    let census = try plannedLikeInterpreted(graph, tolerance: 3e-3)
    #expect(census["ReduceMax"] == 1)
  }

  @Test func depthwiseAndGroupedConvolutionsAreServed() throws {
    let graph = graph([1, 32, 9, 9]) { g, x in
      var noise = Noise()
      let a = convolution(&g, x, &noise, from: 32, to: 32, kernel: 3, groups: 32)
      return [convolution(&g, a, &noise, from: 32, to: 48, kernel: 3, groups: 2)]
    }
    #expect(try plannedLikeInterpreted(graph)["Conv"] == 2)
  }

  @Test func aValueNeededInBothLayoutsIsReorderedOnce() throws {
    let graph = graph([1, 16, 6, 6]) { g, x in
      var noise = Noise()
      let a = convolution(&g, x, &noise, from: 16, to: 16, kernel: 3)
      let t = g.add("Transpose", a, attributes: ["perm": .ints([0, 2, 3, 1])])
      let s = g.add("Transpose", a, attributes: ["perm": .ints([0, 3, 2, 1])])
      return [t, s, convolution(&g, a, &noise, from: 16, to: 16, kernel: 1)]
    }
    #expect(try plannedLikeInterpreted(graph)["Relayout"] == 3, "the input, the shared value, the result")
  }
}
