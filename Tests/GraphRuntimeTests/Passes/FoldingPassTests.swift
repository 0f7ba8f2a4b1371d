import Testing

@testable import GraphRuntime

extension Graph {
  /// Adds noise as a constant.
  mutating func noise(_ shape: Int..., seed: UInt64 = 3, plus offset: Float = 0) -> Value.ID {
    var noise = Noise(seed)
    return addInitializer(
      "w", Tensor((0..<shape.reduce(1, *)).map { _ in noise.next() + offset }, shape: shape))
  }

  /// Adds a BatchNormalization of random parameters, with variances of at least 1/2.
  mutating func batchNormalization(_ x: Value.ID, channels: Int) -> Value.ID {
    add(
      "BatchNormalization", x, noise(channels, seed: 4), noise(channels, seed: 5), noise(channels, seed: 6),
      noise(channels, seed: 7, plus: 1.5))
  }
}

@Suite("Folding into weights")
struct FoldingPassTests {
  @Test func foldsBatchNormalizationIntoConvolution() throws {
    let before = graph([1, 3, 5, 5]) { g, x in
      [g.batchNormalization(g.add("Conv", x, g.noise(4, 3, 3, 3)), channels: 4)]
    }
    #expect(try expectSameResults(AffineFolding(), on: before).census == ["Conv": 1])
  }

  @Test func foldsScaleAndShiftBehindNormalization() throws {
    let before = graph([2, 3, 5, 5]) { g, x in
      let y = g.add("Conv", x, g.noise(4, 3, 1, 1), g.noise(4, seed: 8))
      let scaled = g.add("Mul", g.batchNormalization(y, channels: 4), g.noise(1, 4, 1, 1, seed: 11))
      return [g.add("Sub", g.noise(4, 1, 1, seed: 12), scaled)]
    }
    #expect(try expectSameResults(AffineFolding(), on: before).census == ["Conv": 1])
  }

  @Test func foldsIntoGroupedConvolution() throws {
    let before = graph([1, 4, 5, 5]) { g, x in
      [
        g.batchNormalization(
          g.add("Conv", x, g.noise(6, 2, 3, 3), attributes: ["group": .int(2)]), channels: 6)
      ]
    }
    #expect(try expectSameResults(AffineFolding(), on: before).census == ["Conv": 1])
  }

  @Test func foldsIntoTransposedConvolution() throws {
    let before = graph([1, 3, 4, 4]) { g, x in
      let y = g.add("ConvTranspose", x, g.noise(3, 5, 2, 2), attributes: ["strides": .ints([2, 2])])
      return [g.batchNormalization(y, channels: 5)]
    }
    #expect(try expectSameResults(AffineFolding(), on: before).census == ["ConvTranspose": 1])
  }

  @Test(arguments: [0, 1]) func foldsIntoGemm(transB: Int) throws {
    let before = graph([2, 3]) { g, x in
      let weights = transB == 1 ? g.noise(4, 3) : g.noise(3, 4)
      let y = g.add("Gemm", x, weights, g.noise(4, seed: 8), attributes: ["transB": .int(transB)])
      return [g.batchNormalization(y, channels: 4)]
    }
    #expect(try expectSameResults(AffineFolding(), on: before).census == ["Gemm": 1])
  }

  @Test func leavesAConvolutionWithOtherReaders() throws {
    let before = graph([1, 3, 5, 5]) { g, x in
      let y = g.add("Conv", x, g.noise(4, 3, 3, 3))
      return [g.batchNormalization(y, channels: 4), g.add("Relu", y)]
    }
    #expect(
      try expectSameResults(AffineFolding(), on: before).census == [
        "Conv": 1, "BatchNormalization": 1, "Relu": 1,
      ])
  }

  @Test func leavesAConvolutionThatIsAnOutput() throws {
    let before = graph([1, 3, 5, 5]) { g, x in
      let y = g.add("Conv", x, g.noise(4, 3, 3, 3))
      return [y, g.batchNormalization(y, channels: 4)]
    }
    #expect(
      try expectSameResults(AffineFolding(), on: before).census == ["Conv": 1, "BatchNormalization": 1])
  }

  @Test func leavesWeightsThatAreComputed() throws {
    let before = graph([4, 3, 3, 3]) { g, x in
      let image = g.noise(1, 3, 5, 5)
      return [g.batchNormalization(g.add("Conv", image, x), channels: 4)]
    }
    #expect(
      try expectSameResults(AffineFolding(), on: before).census == ["Conv": 1, "BatchNormalization": 1])
  }

  @Test func leavesFactorsThatAreNotPerChannel() throws {
    let before = graph([1, 3, 4, 4]) { g, x in
      let y = g.add("Conv", x, g.noise(4, 3, 1, 1))
      // Broadcasts along the last axis, not the channels.
      return [g.add("Mul", y, g.noise(4, seed: 8))]
    }
    #expect(try expectSameResults(AffineFolding(), on: before).census == ["Conv": 1, "Mul": 1])
  }

  @Test func movesZeroPaddingIntoConvolution() throws {
    let before = graph([1, 2, 5, 5]) { g, x in
      let pads = g.addInitializer("pads", Tensor([0, 0, 1, 2, 0, 0, 3, 0] as [Int64], shape: [8]))
      return [
        g.add("Conv", g.add("Pad", x, pads), g.noise(3, 2, 3, 3), attributes: ["pads": .ints([1, 0, 0, 1])])
      ]
    }
    #expect(try expectSameResults(PadFolding(), on: before).census == ["Conv": 1])
  }

  @Test(arguments: ["edge", "reflect"]) func leavesPaddingByOtherValues(mode: String) throws {
    let before = graph([1, 2, 5, 5]) { g, x in
      let pads = g.addInitializer("pads", Tensor([0, 0, 1, 1, 0, 0, 1, 1] as [Int64], shape: [8]))
      return [g.add("Conv", g.add("Pad", x, pads, attributes: ["mode": .string(mode)]), g.noise(3, 2, 3, 3))]
    }
    #expect(try expectSameResults(PadFolding(), on: before).census == ["Pad": 1, "Conv": 1])
  }

  @Test(arguments: [Int64.max, 1 << 40]) func leavesPaddingBeyondMeasure(pad: Int64) throws {
    var before = Graph()
    let x = before.addInput("x", .tensor(TensorType(.float32, [1, 2, .symbol("H"), 5])))
    let pads = before.addInitializer("pads", Tensor([0, 0, pad, 0, 0, 0, 0, 0] as [Int64], shape: [8]))
    before.addOutput(
      before.add(
        "Conv", before.add("Pad", x, pads), before.noise(3, 2, 3, 3),
        attributes: ["pads": .ints([1, 1, 1, 1])]))
    #expect(try PadFolding().patch(for: before).isEmpty)
  }

  @Test func leavesPaddingOfChannels() throws {
    let before = graph([1, 2, 5, 5]) { g, x in
      let pads = g.addInitializer("pads", Tensor([0, 1, 0, 0, 0, 0, 0, 0] as [Int64], shape: [8]))
      return [g.add("Conv", g.add("Pad", x, pads), g.noise(3, 3, 3, 3))]
    }
    #expect(try expectSameResults(PadFolding(), on: before).census == ["Pad": 1, "Conv": 1])
  }

  @Test func turnsMatrixProductAndBiasIntoGemm() throws {
    let before = graph([2, 3]) { g, x in
      [g.add("Add", g.add("MatMul", x, g.noise(3, 4)), g.noise(4, seed: 8))]
    }
    #expect(try expectSameResults(MatMulAddFusion(), on: before).census == ["Gemm": 1])
  }

  @Test func leavesBatchedProducts() throws {
    let before = graph([5, 2, 3]) { g, x in
      [g.add("Add", g.add("MatMul", x, g.noise(3, 4)), g.noise(4, seed: 8))]
    }
    #expect(try expectSameResults(MatMulAddFusion(), on: before).census == ["MatMul": 1, "Add": 1])
  }
}
