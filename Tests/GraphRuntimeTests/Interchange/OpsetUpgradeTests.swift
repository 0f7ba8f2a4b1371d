import ONNXParse
import Testing

@testable import GraphRuntime

/// What older opsets wrote otherwise, one tiny model each; what the results are is checked against ONNX Runtime in
/// `OpsetUpgradeResultTests`.
struct OpsetUpgradeTests {
  private func graph(
    opset: Int, _ node: NodeProto, initializers: [TensorProto] = [], inputs: [ValueInfoProto]? = nil
  ) throws -> Graph {
    try Graph(
      importing: .test(
        opset: opset, nodes: [node],
        inputs: inputs
          ?? Set(node.inputs).subtracting(initializers.map(\.name)).sorted()
          .map { .float($0, [2, 3, 4, 5]) },
        outputs: node.outputs.map { .init(name: $0) }, initializers: initializers))
  }

  @Test(arguments: [
    ("Squeeze", 11, "axes"), ("Unsqueeze", 11, "axes"), ("ReduceSum", 11, "axes"), ("ReduceMax", 13, "axes"),
    ("ReduceMean", 17, "axes"), ("Reshape", 1, "shape"),
  ])
  func listsBecomeInputs(type: String, opset: Int, attribute: String) throws {
    let graph = try graph(opset: opset, .op(type, ["x"], ["y"], [attribute: .ints([0, 1])]))
    let node = graph.only(OperatorName(type))
    #expect(graph.constantInts(node, 1) == [0, 1])
    #expect(node?.attributes[attribute] == nil)
    #expect(graph[graph.outputs[0]].name == "y")
  }

  @Test func sliceSplitTopKPadAndClip() throws {
    let slice = try graph(
      opset: 1, .op("Slice", ["x"], ["y"], ["starts": .ints([1]), "ends": .ints([9]), "axes": .ints([2])]))
    #expect((1...3).map { slice.constantInts(slice.only("Slice"), $0) } == [[1], [9], [2]])
    let split = try graph(opset: 2, .op("Split", ["x"], ["a", "b"], ["split": .ints([1, 1])]))
    #expect(split.constantInts(split.only("Split"), 1) == [1, 1])
    let even = try graph(opset: 13, .op("Split", ["x"], ["a", "b"]))
    #expect(even.only("Split")?.attributes["num_outputs"]?.int == 2)
    let top = try graph(opset: 1, .op("TopK", ["x"], ["v", "i"], ["k": .int(3)]))
    #expect(top.constantInts(top.only("TopK"), 1) == [3])
    let pad = try graph(
      opset: 1, .op("Pad", ["x"], ["y"], ["paddings": .ints([0, 0, 1, 1, 0, 0, 1, 1]), "value": .float(2)]))
    #expect(pad.constantInts(pad.only("Pad"), 1) == [0, 0, 1, 1, 0, 0, 1, 1])
    #expect(pad.only("Pad")?.input(2).flatMap { pad.initializers[$0] }?.elements(Float.self) == [2])
    let clip = try graph(opset: 6, .op("Clip", ["x"], ["y"], ["max": .float(6)]))
    #expect(clip.only("Clip")?.inputs.count == 3)
    #expect(clip.only("Clip")?.input(1) == nil)
  }

  @Test func castByName() throws {
    let cast = try graph(opset: 1, .op("Cast", ["x"], ["y"], ["to": .text("DOUBLE")]))
    #expect(cast.only("Cast")?.attributes["to"]?.int == 11)
    #expect(throws: GraphError.self) { try graph(opset: 1, .op("Cast", ["x"], ["y"], ["to": .text("WORD")])) }
  }

  @Test func legacyBroadcastingReshapesAConstant() throws {
    let graph = try graph(
      opset: 6, .op("Add", ["x", "b"], ["y"], ["broadcast": .int(1), "axis": .int(1)]),
      initializers: [.floats("b", [1, 2, 3], [3])])
    #expect(graph.nodes.count == 1)
    #expect(graph.only("Add")?.input(1).flatMap { graph.initializers[$0] }?.shape == [3, 1, 1])
  }

  @Test func legacyBroadcastingWithoutRanksIsComputed() throws {
    let graph = try graph(
      opset: 6, .op("Mul", ["x", "b"], ["y"], ["broadcast": .int(1), "axis": .int(1)]),
      inputs: [.unshaped("x"), .unshaped("b")])
    #expect(graph.only("Reshape") != nil)
    #expect(graph.only("Mul")?.attributes.isEmpty == true)
  }

  @Test func softmaxOverTrailingAxes() throws {
    let flat = try graph(opset: 9, .op("Softmax", ["x"], ["y"], ["axis": .int(1)]))
    #expect(flat.nodes.map(\.op) == ["Shape", "Flatten", "Softmax", "Reshape"])
    #expect(flat[flat.outputs[0]].name == "y")
    let last = try graph(opset: 9, .op("Softmax", ["x"], ["y"], ["axis": .int(3)]))
    #expect(last.nodes.map(\.op) == ["Softmax"])
    let one = try graph(
      opset: 9, .op("Softmax", ["x"], ["y"]), inputs: [.float("x", [1, 10, 1, 1])])
    #expect(one.only("Softmax")?.attributes["axis"]?.int == 1)
  }

  @Test func trainingSpellings() throws {
    let names = ["x", "s", "b", "m", "v"]
    let test = try Graph(
      importing: .test(
        opset: 6, nodes: [.op("BatchNormalization", names, ["y", "o1", "o2"], ["is_test": .int(1)])],
        inputs: names.map { .float($0, [3]) }, outputs: [.unshaped("y")])
    ).nodes.first
    #expect(test?.outputs.count == 1)
    #expect(test?.attributes.isEmpty == true)
    let training = try graph(opset: 9, .op("BatchNormalization", names, ["y", "o1", "o2"]))
    #expect(training.only("BatchNormalization")?.attributes["training_mode"]?.int == 1)
    let dropout = try graph(
      opset: 6, .op("Dropout", ["x"], ["y"], ["ratio": .float(0.4), "is_test": .int(1)]))
    #expect(dropout.only("Dropout")?.attributes.isEmpty == true)
    #expect(dropout.only("Dropout")?.inputs.count == 1)
  }

  @Test func upsampleAndOldResize() throws {
    let first = try graph(
      opset: 1, .op("Upsample", ["x"], ["y"], ["height_scale": .float(2), "width_scale": .float(3)]))
    let node = try #require(first.only("Resize"))
    #expect(node.input(2).flatMap { first.initializers[$0] }?.elements(Float.self) == [1, 1, 2, 3])
    #expect(node.attributes["coordinate_transformation_mode"]?.string == "asymmetric")
    let linear = try graph(
      opset: 7, .op("Upsample", ["x"], ["y"], ["scales": .floats([1, 1, 2, 2]), "mode": .text("bilinear")]))
    #expect(linear.only("Resize")?.attributes["mode"]?.string == "linear")
    let mixed = try graph(
      opset: 10, .op("Resize", ["x", "s"], ["y"]), initializers: [.floats("s", [1, 1, 0.5, 2], [4])])
    #expect(mixed.nodes.filter { $0.op == "Resize" }.count == 2)
  }

  @Test func withdrawnOperators() throws {
    let scaler = try graph(
      opset: 1, .op("ImageScaler", ["x"], ["y"], ["scale": .float(2), "bias": .floats([1, 2, 3])]))
    #expect(scaler.nodes.map(\.op) == ["Mul", "Add"])
    let scatter = try graph(opset: 9, .op("Scatter", ["x", "i", "u"], ["y"]))
    #expect(scatter.only("ScatterElements") != nil)
    let filled = try graph(
      opset: 1, .op("GivenTensorFill", [], ["y"], ["values": .floats([1, 2]), "shape": .ints([2])]))
    #expect(filled.initializers[filled.outputs[0]]?.elements(Float.self) == [1, 2])
  }
}
