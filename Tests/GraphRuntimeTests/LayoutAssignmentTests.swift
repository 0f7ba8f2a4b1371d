import CKernels
import TestSupport
import Testing

@testable import GraphRuntime

/// Planned runs on the blocked layout against the interpreter's on row-major tensors.
@Suite struct LayoutAssignmentTests {
  /// A stem, pooling, a block with a residual and global pooling, of [images, 3, 37, 29].
  private static func residualNet(images: Int) -> ConvolutionNet {
    var net = ConvolutionNet(seed: 1)
    let x = net.input([images, 3, 37, 29])
    var y = net.convolution(x, from: 3, to: 32, kernel: 7, stride: 2, pad: 3)
    y = net.node("MaxPool", [net.node("Relu", [y])], ConvolutionNet.window)
    let branch = net.convolution(
      net.node("Relu", [net.convolution(y, from: 32, to: 24)]), from: 24, to: 32, kernel: 3, pad: 1)
    y = net.node("Relu", [net.node("Add", [branch, y])])
    net.graph.addOutput(net.node("GlobalAveragePool", [y]))
    return net
  }

  @Test(arguments: [1, 2]) func aStemThenPoolingAndBlocks(images: Int) throws {
    let net = Self.residualNet(images: images)
    let plan = try net.compare(shape: [images, 3, 37, 29])
    // The stem reads row-major and global pooling writes it: no copy between layouts is left.
    #expect(!plan.steps.contains { $0.op == Relayout.name })
  }

  /// On AMX's tiles: from the stem to global pooling, all is paired.
  @Test(.enabled(if: csn_cpu_has_amx()), arguments: [1, 2]) func bfloat16StaysPaired(images: Int) throws {
    let net = Self.residualNet(images: images)
    let plan = try ProcessorLevel.inTurn {
      try net.compare(shape: [images, 3, 37, 29], precision: .bfloat16)
    }
    #expect(!plan.steps.contains { $0.op == Relayout.name })
    let layouts = plan.steps.dropLast().map { $0.outputs.first?.tensor?.layout }
    #expect(layouts.allSatisfy { $0 == .channelPaired32 })
  }

  /// What takes no pairs is given blocks by the convolution itself, and a grouped convolution stays as it is.
  @Test(.enabled(if: csn_cpu_has_amx())) func bfloat16MeetsOperatorsWithoutPairs() throws {
    var net = ConvolutionNet(seed: 2)
    let x = net.input([2, 16, 14, 15])
    let a = net.convolution(x, from: 16, to: 32)
    let b = net.convolution(net.convolution(x, from: 16, to: 40), from: 40, to: 48, kernel: 3, pad: 1)
    let joined = net.node("Concat", [net.node("Tanh", [a]), b], ["axis": .int(1)])
    net.graph.addOutput(net.convolution(joined, from: 80, to: 20))
    let plan = try ProcessorLevel.inTurn {
      try net.compare(shape: [2, 16, 14, 15], level: .none, precision: .bfloat16)
    }
    let copies = plan.steps.filter { $0.op == Relayout.name }.map { $0.outputs.first?.tensor?.layout }
    // The input, what is joined, and the output.
    #expect(copies == [.channelPaired32, .channelPaired32, .rowMajor])
  }

  /// What a caller wants or an average is made for is not rounded on its way; the classifier behind it rounds.
  @Test(.enabled(if: csn_cpu_has_amx())) func bfloat16LeavesResultsInFloat32() throws {
    var net = ConvolutionNet(seed: 4)
    let x = net.input([1, 32, 12, 12])
    let seen = net.convolution(x, from: 32, to: 64, kernel: 3, pad: 1)
    let y = net.convolution(seen, from: 64, to: 64)
    let mean = net.node("AveragePool", [y], ["kernel_shape": .ints([12, 12])])
    let weights = net.graph.addInitializer("fc", Tensor(net.floats(64 * 40), shape: [40, 64]))
    let scores = net.node("Gemm", [net.node("Flatten", [mean]), weights], ["transB": .int(1)])
    for output in [seen, scores] { net.graph.addOutput(output) }
    let plan = try ProcessorLevel.inTurn { try net.compare(shape: [1, 32, 12, 12], precision: .bfloat16) }
    let layouts = Dictionary(
      plan.steps.map { ($0.op.type, $0.outputs.first?.tensor?.layout) },
      uniquingKeysWith: { first, _ in first })
    #expect(layouts["Conv"] == .channelBlocked16)
    #expect(layouts["AveragePool"] == .channelBlocked16)
    #expect(
      plan.steps.count { $0.op == Relayout.name && $0.outputs.first?.tensor?.layout == .channelBlocked16 }
        == 0)
    #expect(plan.steps.contains { $0.op == "Gemm" && $0.choice == "packed bf16" })
  }

  @Test(arguments: [1, 3]) func concatenationsOfBlocks(images: Int) throws {
    var net = ConvolutionNet(seed: 2)
    let x = net.input([images, 16, 14, 15])
    let a = net.convolution(x, from: 16, to: 32)
    let b = net.convolution(net.convolution(x, from: 16, to: 16), from: 16, to: 48, kernel: 3, pad: 1)
    let c = net.convolution(
      net.node("MaxPool", [x], ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])]), from: 16, to: 20
    )
    let joined = net.node("Concat", [a, b, c], ["axis": .int(1)])
    net.graph.addOutput(net.convolution(joined, from: 100, to: 16))
    net.graph.addOutput(joined)
    try net.compare(shape: [images, 16, 14, 15])
    let plan = try net.compare(shape: [images, 16, 14, 15], level: .none)
    #expect(!plan.steps.contains { $0.op == "Concat" })
  }

  @Test(arguments: [1, 2, 3]) func nestedConcatenationsLieInOneBuffer(images: Int) throws {
    var net = ConvolutionNet(seed: 3)
    let x = net.input([images, 3, 16, 16])
    var y = net.convolution(x, from: 3, to: 16, kernel: 3, pad: 1)
    for layer in 1...3 {
      let grown = net.convolution(y, from: 16 * layer, to: 16, kernel: 3, pad: 1)
      y = net.node("Concat", [y, grown], ["axis": .int(1)])
    }
    net.graph.addOutput(net.node("GlobalAveragePool", [y]))
    let plan = try net.compare(shape: [images, 3, 16, 16])
    #expect(!plan.steps.contains { $0.op == "Concat" })
  }

  /// What every kernel for blocked tensors reads and writes here has its images apart.
  @Test(arguments: [2, 3]) func partsOfManyImagesAreNotCopied(images: Int) throws {
    var net = ConvolutionNet(seed: 10)
    let x = net.input([images, 16, 12, 10])
    let wide = net.convolution(x, from: 16, to: 88)
    let parts = (0..<3).map { net.graph.addValue("part\($0)") }
    let sizes = net.graph.addInitializer("sizes", Tensor([Int64(32), 32, 24], shape: [3]))
    net.graph.addNode("Split", inputs: [wide, sizes], outputs: parts, attributes: ["axis": .int(1)])
    let same: [String: Attribute] = ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])]
    let normal = net.node("LRN", [parts[0]], ["size": .int(5)])
    let pooled = net.node("AveragePool", [net.node("Tanh", [net.node("Softplus", [parts[1]])])], same)
    let depthwise = net.convolution(parts[0], from: 32, to: 32, kernel: 3, pad: 1, groups: 32)
    let added = net.node("Sub", [net.convolution(parts[2], from: 24, to: 32, kernel: 3, pad: 1), parts[1]])
    let pads = net.graph.addInitializer("pads", Tensor([Int64(0), 0, 1, 1, 0, 0, 1, 1], shape: [8]))
    let padded = net.node("Pad", [parts[2], pads], ["mode": .string("edge")])
    let narrow = net.convolution(padded, from: 24, to: 20, kernel: 3)
    let joined = net.node("Concat", [normal, pooled, depthwise, added, narrow], ["axis": .int(1)])
    net.graph.addOutput(net.convolution(joined, from: 148, to: 16))
    net.graph.addOutput(net.node("GlobalMaxPool", [joined]))
    net.graph.addOutput(parts[1])
    let plan = try net.compare(shape: [images, 16, 12, 10], level: .none)
    #expect(!plan.steps.contains { ["Concat", "Split"].contains($0.op) })
  }

  /// The bound counts of a joint buffer only the parts that are made already.
  @Test(arguments: [1, 3]) func boundsCountWhatIsAlive(images: Int) throws {
    var net = ConvolutionNet(seed: 12)
    let a = net.convolution(net.input([images, 16, 8, 8]), from: 16, to: 16, bias: false)
    let b = net.convolution(a, from: 16, to: 16, bias: false)
    net.graph.addOutput(net.node("GlobalMaxPool", [net.node("Concat", [a, b], ["axis": .int(1)])]))
    let plan = try net.compare(shape: [images, 16, 8, 8])
    let tensor = images * 16 * 64 * 4
    #expect(plan.memory.lowerBound == 2 * tensor)
    #expect(plan.memory.arenaBytes == 3 * tensor)
  }

  @Test(arguments: [1, 2]) func imagesAreJoinedAndSplitInPlace(images: Int) throws {
    var net = ConvolutionNet(seed: 11)
    let x = net.input([images, 20, 9, 7])
    let (a, b) = (
      net.convolution(x, from: 20, to: 24), net.convolution(x, from: 20, to: 24, kernel: 3, pad: 1)
    )
    let both = net.node("Concat", [a, b], ["axis": .int(-4)])
    let y = net.convolution(both, from: 24, to: 40, kernel: 3, pad: 1)
    let halves = (0..<2).map { net.graph.addValue("half\($0)") }
    net.graph.addNode("Split", inputs: [y], outputs: halves)
    net.graph.addOutput(net.node("Max", halves))
    let plan = try net.compare(shape: [images, 20, 9, 7])
    #expect(!plan.steps.contains { ["Concat", "Split"].contains($0.op) })
  }

  @Test func valuesReadInBothLayouts() throws {
    var net = ConvolutionNet(seed: 4)
    let x = net.input([2, 18, 9, 9])
    let y = net.convolution(x, from: 18, to: 18, kernel: 3, pad: 1, groups: 3)
    let turned = net.node("Transpose", [y], ["perm": .ints([0, 2, 3, 1])])
    net.graph.addOutput(net.node("LRN", [y], ["size": .int(5), "alpha": .float(0.5)]))
    net.graph.addOutput(turned)
    net.graph.addOutput(y)
    try net.compare(shape: [2, 18, 9, 9])
  }

  @Test func residualsThatAreReadAgainAreKept() throws {
    var net = ConvolutionNet(seed: 5)
    let x = net.input([1, 32, 8, 8])
    let y = net.convolution(x, from: 32, to: 32)
    // y is the convolution's input and its residual: the sum may not go over it.
    let z = net.node("Add", [net.convolution(y, from: 32, to: 32), y])
    net.graph.addOutput(net.node("Mul", [z, z]))
    net.graph.addOutput(net.node("Sub", [z, y]))
    try net.compare(shape: [1, 32, 8, 8])
  }

  @Test func paddingAndDepthwise() throws {
    var net = ConvolutionNet(seed: 6)
    let x = net.input([1, 32, 12, 10])
    let y = net.convolution(x, from: 32, to: 32, kernel: 3, pad: 1, groups: 32)
    let pads = net.graph.addInitializer("pads", Tensor([Int64(0), 0, 2, 1, 0, 0, 1, 2], shape: [8]))
    let padded = net.node("Pad", [y, pads], ["mode": .string("edge")])
    net.graph.addOutput(net.convolution(padded, from: 32, to: 16, kernel: 5, bias: false))
    try net.compare(shape: [1, 32, 12, 10])
  }

  @Test func packedWeightsTravelWithTheGraph() throws {
    var net = ConvolutionNet(seed: 7)
    let x = net.input([1, 16, 16, 16])
    net.graph.addOutput(net.convolution(x, from: 16, to: 32, kernel: 3, pad: 1))
    let compiled = try net.graph.compiled()
    #expect(compiled.derivedConstants.count == 2)
    try net.compare(shape: [1, 16, 16, 16])
    var again = net
    again.graph = compiled
    try again.compare(shape: [1, 16, 16, 16])
    let session = try Session(compiled)
    for key in compiled.derivedConstants.keys {
      let kept = session.derivedConstants.all[key]?.bytes?.start
      #expect(kept == compiled.derivedConstants[key]?.bytes?.start)
    }
  }

  /// How a weight is packed depends on the groups it is read in.
  @Test(arguments: [[1, 2], [2, 1]]) func sharedWeightsOfOtherGroups(order: [Int]) throws {
    var net = ConvolutionNet(seed: 9)
    let x = net.input([1, 8, 6, 6])
    let weights = net.graph.addInitializer("w", Tensor(net.floats(64 * 8), shape: [64, 8, 1, 1]))
    let twice = net.node("Concat", [x, net.node("Neg", [x])], ["axis": .int(1)])
    for groups in order {
      net.graph.addOutput(
        net.node("Conv", [groups == 1 ? x : twice, weights], ["group": .int(groups)]))
    }
    try net.compare(shape: [1, 8, 6, 6])
    var compiled = net
    compiled.graph = try net.graph.compiled()
    #expect(compiled.graph.derivedConstants.count == 2)
    try compiled.compare(shape: [1, 8, 6, 6])
  }

  @Test func profilesCountStepsAndMultiplyAdds() throws {
    var net = ConvolutionNet(seed: 8)
    let x = net.input([1, 16, 10, 10])
    net.graph.addOutput(net.convolution(x, from: 16, to: 32, kernel: 3, pad: 1))
    var options = Session.Options()
    options.profile = true
    let session = try Session(net.graph, options: options)
    for _ in 0..<3 {
      _ = try session.run(["x": Tensor([Float](repeating: 1, count: 1600), shape: [1, 16, 10, 10])])
    }
    let plan = try session.plan(for: ["x": [1, 16, 10, 10]])
    #expect(plan.multiplyAdds == 32 * 100 * 16 * 9)
    let profile = session.profile
    #expect(profile.steps.allSatisfy { $0.runs == 3 })
    #expect(profile.events.count == plan.steps.count)
    #expect(profile.table.contains("GFLOP/s"))
    #expect(profile.chromeTrace.contains("\"ph\":\"X\""))
  }
}
