import ONNXParse
import TestSupport
import Testing

@testable import GraphRuntime

extension Graph {
  /// Pads the last axes by the nearest elements, `pads` at their beginnings and then at their ends.
  fileprivate mutating func edgePad(_ x: Value.ID, _ pads: [Int], mode: String = "edge") -> Value.ID {
    let amounts = addInitializer("pads", Tensor(pads.map(Int64.init), shape: [pads.count]))
    let axes = (1...pads.count / 2).map { Int64(-$0) }.reversed() as [Int64]
    let y = addValue("padded")
    addNode(
      "Pad", name: "pad",
      inputs: [x, amounts, nil, addInitializer("axes", Tensor(axes, shape: [axes.count]))],
      outputs: [y], attributes: ["mode": .string(mode)])
    return y
  }
}

@Suite("Padding by the nearest pixels in convolutions")
struct EdgePadFoldingTests {
  /// A convolution behind a Pad.
  struct Case: Sendable, CustomTestStringConvertible {
    var images = 1
    var channels = 16
    var outputs = 16
    var groups = 1
    var kernel = [3, 3]
    var strides = [1, 1]
    var dilations = [1, 1]
    var pads = [1, 1, 1, 1]
    var size = [9, 11]
    var testDescription: String {
      "[\(images), \(channels), \(size)] -> \(outputs) k\(kernel) s\(strides) d\(dilations) p\(pads) g\(groups)"
    }

    func add(to graph: inout Graph, _ x: Value.ID, isPadded: Bool = true) -> Value.ID {
      graph.add(
        "Conv", isPadded ? graph.edgePad(x, pads) : x,
        graph.noise(outputs, channels / groups, kernel[0], kernel[1]),
        graph.noise(outputs, seed: 8),
        attributes: [
          "strides": .ints(strides), "dilations": .ints(dilations), "group": .int(groups),
          "pads": .ints([0, 0, 0, 0]),
        ])
    }
  }

  static let cases = [
    Case(), Case(images: 2, outputs: 20, pads: [3, 0, 2, 3], size: [2, 1]),
    Case(images: 2, channels: 3, outputs: 18, kernel: [7, 7], strides: [2, 1], pads: [3, 3, 3, 3]),
    Case(channels: 20, outputs: 33, kernel: [5, 4], strides: [2, 3], pads: [2, 3, 0, 1]),
    Case(channels: 17, dilations: [2, 3], pads: [2, 3, 2, 3]), Case(kernel: [1, 1], pads: [1, 2, 0, 1]),
    Case(images: 2, channels: 32, outputs: 48, groups: 2),
    Case(channels: 18, outputs: 18, groups: 18, strides: [1, 2]),
    Case(channels: 2, outputs: 2, groups: 2),
  ]

  /// The pass, the interpreter and the plan agree with the Pad; nothing is left of it.
  @Test(arguments: cases) func movesPaddingIntoConvolution(_ test: Case) throws {
    let before = graph([test.images, test.channels] + test.size) { g, x in [test.add(to: &g, x)] }
    let after = try expectSameResults(EdgePadFolding(), on: before)
    #expect(after.census == ["FusedConv": 1])
    try expectSessionResults(after, level: .none)
    let session = try expectSessionResults(before)
    #expect(session.graph.census == ["FusedConv": 1])
  }

  /// Whichever pass comes first.
  @Test(arguments: [false, true]) func goesWithNormalizationResidualAndActivation(isFirst: Bool) throws {
    let test = Case(images: 2)
    let before = graph([2, 16, 9, 11]) { g, x in
      [g.add("Relu", g.add("Add", g.batchNormalization(test.add(to: &g, x), channels: 16), x))]
    }
    var passes: [any Pass] = [AffineFolding(), ConvolutionFusion()]
    passes.insert(EdgePadFolding(), at: isFirst ? 0 : 2)
    var after = before
    for pass in passes { after = try expectSameResults(pass, on: after) }
    #expect(after.census == ["FusedConv": 1])
    #expect(after.nodes[0].attributes["padding"]?.string == "edge")
    #expect(after.nodes[0].input(3) == after.inputs[0])
    try expectSessionResults(after)
    #expect(try expectSessionResults(before).graph.census == ["FusedConv": 1])
  }

  @Test func twinsStayTwins() throws {
    var before = Graph(name: "twins")
    let inputs = ["a", "b"].map { before.addInput($0, .tensor(TensorType(.float32, [1, 16, 4, 5]))) }
    let w = before.noise(32, 16, 3, 3)
    for x in inputs { before.addOutput(before.add("Conv", before.edgePad(x, [1, 1, 1, 1]), w)) }
    let after = try before.after(EdgePadFolding()).after(TwinBatching(leastSavedBytes: 0))
    #expect(after.census == ["Concat": 1, "FusedConv": 1, "Split": 1])
    let (a, b) = (try before.outputsOnNoise(), try after.outputsOnNoise())
    for (a, b) in zip(a, b) { #expect(a.difference(from: b, relative: 0, absolute: 1e-5) == nil) }
    try expectSessionResults(after)
  }

  /// One reads the pixels with nearest ones around them, the other with none: no branches of one convolution.
  @Test func branchesOfOtherPaddingAreNotMerged() throws {
    let padded = Case(kernel: [1, 1])
    let before = try graph([1, 16, 5, 5]) { g, x in
      [padded.add(to: &g, x), padded.add(to: &g, x, isPadded: false)].map { g.add("Relu", $0) }
    }.after(EdgePadFolding()).after(ConvolutionFusion())
    #expect(before.census == ["FusedConv": 2])
    #expect(try expectSameResults(SiblingMerge(), on: before).census == ["FusedConv": 2])
  }

  @Test(arguments: ["reflect", "wrap", "constant"]) func leavesOtherModes(mode: String) throws {
    let before = graph([1, 2, 5, 5]) { g, x in
      [g.add("Conv", g.edgePad(x, [1, 1, 1, 1], mode: mode), g.noise(3, 2, 3, 3))]
    }
    #expect(try expectSameResults(EdgePadFolding(), on: before).census == ["Pad": 1, "Conv": 1])
  }

  @Test(
    arguments: [["pads": .ints([0, 1, 0, 0])], ["auto_pad": .string("SAME_UPPER")]] as [[String: Attribute]])
  func leavesConvolutionsWithPaddingOfTheirOwn(_ attributes: [String: Attribute]) throws {
    let before = graph([1, 2, 5, 5]) { g, x in
      [g.add("Conv", g.edgePad(x, [1, 1, 1, 1]), g.noise(3, 2, 3, 3), attributes: attributes)]
    }
    #expect(try expectSameResults(EdgePadFolding(), on: before).census == ["Pad": 1, "Conv": 1])
  }

  @Test(arguments: [[-1, 1, 1, 1], [1, 0, 0, 0, 0, 0], [1, 0, 1, 1, 1, 0, 1, 1]])
  func leavesCutsAndPaddingOfChannelsOrImages(pads: [Int]) throws {
    let before = graph([1, 2, 5, 5]) { g, x in
      let padded = g.edgePad(x, pads)
      return [g.add("Conv", padded, g.noise(3, pads.count == 6 ? 3 : 2, 3, 3))]
    }
    #expect(try expectSameResults(EdgePadFolding(), on: before).census == ["Pad": 1, "Conv": 1])
  }

  @Test func leavesPaddingThatOthersRead() throws {
    let before = graph([1, 2, 5, 5]) { g, x in
      let (a, b) = (g.edgePad(x, [1, 1, 1, 1]), g.edgePad(x, [0, 1, 0, 1]))
      return [a, b].map { g.add("Conv", $0, g.noise(3, 2, 3, 3)) } + [g.add("Neg", a), b]
    }
    let after = try expectSameResults(EdgePadFolding(), on: before)
    #expect(after.census == ["Pad": 2, "Conv": 2, "Neg": 1])
  }

  @Test func leavesWhatIsNotForTheKernels() throws {
    let line = graph([1, 2, 5]) { g, x in [g.add("Conv", g.edgePad(x, [1, 1]), g.noise(3, 2, 3))] }
    #expect(try expectSameResults(EdgePadFolding(), on: line).census == ["Pad": 1, "Conv": 1])
    // The pixels as weights, and of another type.
    let weights = graph([1, 2, 5, 5]) { g, x in
      [g.add("Conv", g.noise(1, 2, 9, 9), g.edgePad(x, [1, 1, 1, 1]))]
    }
    #expect(try expectSameResults(EdgePadFolding(), on: weights).census == ["Pad": 1, "Conv": 1])
    var wide = Graph()
    let x = wide.addInput("x", .tensor(TensorType(.float64, [1, 1, 5, 5])))
    let w = wide.addInput("w", .tensor(TensorType(.float64, [1, 1, 3, 3])))
    wide.addOutput(wide.add("Conv", wide.edgePad(x, [1, 1, 1, 1]), w))
    _ = try wide.inferTypes()
    #expect(try EdgePadFolding().patch(for: wide).isEmpty)
    var large = graph([1, 2, 5, 5]) { g, x in
      [g.add("Conv", g.edgePad(x, [1 << 40, 1, 1, 1]), g.noise(3, 2, 3, 3))]
    }
    _ = try large.inferTypes()
    #expect(try EdgePadFolding().patch(for: large).isEmpty)
  }

  @Test func exportsPadAndConvolutionAgain() throws {
    let test = Case(strides: [2, 1], pads: [2, 1, 0, 3])
    let before = graph([1, 16, 9, 11]) { g, x in [g.add("Relu", test.add(to: &g, x), output: "result")] }
    var fused = before
    try Optimizer(level: .all).run(&fused)
    #expect(fused.census == ["FusedConv": 1])
    let again = try Graph(importing: Model(exporting: fused))
    #expect(again.census == ["Pad": 1, "Conv": 1, "Relu": 1])
    #expect(again.outputs.map { again[$0].name } == ["result"])
    let (a, b) = (try before.outputsOnNoise()[0], try again.outputsOnNoise()[0])
    #expect(a.difference(from: b, relative: 0, absolute: 1e-6) == nil)
  }

  @Test func filesKeepThePadding() throws {
    let before = graph([1, 16, 9, 11]) { g, x in [Case().add(to: &g, x)] }
    let folder = try TemporaryFolder()
    let fused = try before.after(EdgePadFolding())
    try GraphFile.write(fused.compiled(), to: folder.path("padded.graph"))
    let read = try Graph(contentsOf: folder.path("padded.graph"))
    #expect(read.census == ["FusedConv": 1])
    let (a, b) = (try before.outputsOnNoise()[0], try read.outputsOnNoise()[0])
    #expect(a.difference(from: b, relative: 0, absolute: 1e-5) == nil)
    try expectSessionResults(read)
  }

  @Test(
    arguments: [
      ["padding": .string("mirror")], ["padding": .int(1)],
      ["padding": .string("edge"), "auto_pad": .string("SAME_UPPER")],
      ["padding": .string("edge"), "pads": .ints([1 << 30, 0, 0, 0])],
    ] as [[String: Attribute]])
  func refusesPaddingThatIsNotKnown(_ attributes: [String: Attribute]) {
    let x = Tensor([1, 2, 3, 4] as [Float], shape: [1, 1, 2, 2])
    var node = SingleNode(op: FusedConvolution.name, attributes: attributes)
    node.attributes["strides"] = .ints([1 << 29, 1])
    #expect(throws: GraphError.self) { try node.run([x, x]) }
  }

  /// Nothing is nearest where there is nothing.
  @Test func refusesEmptyPictures() {
    let node = SingleNode(
      op: FusedConvolution.name, attributes: ["padding": .string("edge"), "pads": .ints([1, 1, 1, 1])])
    let (x, w) = (Tensor([Float](), shape: [1, 1, 0, 2]), Tensor([1, 2] as [Float], shape: [1, 1, 2, 1]))
    #expect(throws: GraphError.self) { try node.run([x, w]) }
  }

  @Test(.needsShared) func leavesNoPadInIFCNN() throws {
    let session = try Session(Graph(contentsOf: Shared.path("data/models/ifcnn-max-2in.onnx")))
    #expect(session.graph.census["Pad"] == nil)
    var shapes: [String: [Int]] = [:]
    for input in session.graph.inputs { shapes[session.graph[input].name] = [1, 3, 40, 56] }
    let plan = try session.plan(for: shapes)
    #expect(!plan.steps.contains { $0.op == "Pad" })
  }
}
