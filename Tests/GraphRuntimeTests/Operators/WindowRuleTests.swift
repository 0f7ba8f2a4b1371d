import Testing

@testable import GraphRuntime

@Suite("Shape rules of pooling, padding and resizing")
struct WindowRuleTests {
  private func type(_ node: SingleNode, _ shape: Shape, _ constants: [Tensor?] = []) throws -> String? {
    let types =
      [ValueType.tensor(TensorType(.float32, shape))] + constants.map { $0.map { .tensor($0.type) } }
    return try node.inferredTypes(types, constants: [nil] + constants)[0]?.description
  }

  private let image: Shape = [1, 2, .symbol("H"), .symbol("W")]

  @Test func ceilModeKeepsSymbolsWhereItCan() throws {
    let window: [String: Attribute] = [
      "kernel_shape": .ints([3, 3]), "strides": .ints([2, 2]), "ceil_mode": .int(1),
    ]
    let node = SingleNode(op: "MaxPool", attributes: window)
    #expect(try type(node, image) == "float[1, 2, floor((H - 2)/2) + 1, floor((W - 2)/2) + 1]")
    #expect(try type(node, [1, 2, 7, 8]) == "float[1, 2, 3, 4]")
    // Here the last window may start beyond the input, which depends on the extent.
    let loose = SingleNode(
      op: "MaxPool",
      attributes: ["kernel_shape": .ints([1, 1]), "strides": .ints([2, 2]), "ceil_mode": .int(1)])
    #expect(try type(loose, image) == "float[1, 2, ?, ?]")
    #expect(try type(loose, [1, 2, 2, 3]) == "float[1, 2, 1, 2]")
  }

  @Test func samePaddingDependsOnTheStrideAlone() throws {
    let node = SingleNode(
      op: "AveragePool",
      attributes: [
        "kernel_shape": .ints([5, 5]), "strides": .ints([2, 1]), "auto_pad": .string("SAME_UPPER"),
      ])
    #expect(try type(node, image) == "float[1, 2, floor((H + 1)/2), W]")
  }

  @Test func padAddsToSymbols() throws {
    let pads = Tensor([0, 0, 1, 2, 0, 0, 3, -4] as [Int64], shape: [8])
    #expect(try type(SingleNode(op: "Pad"), image, [pads]) == "float[1, 2, H + 4, W - 2]")
    #expect(throws: GraphError.self) { try type(SingleNode(op: "Pad"), [1, 2, 8, 1], [pads]) }
  }

  @Test func resizeScalesSymbols() throws {
    let scales = Tensor([1, 1, 2, 0.5] as [Float], shape: [4])
    #expect(try type(SingleNode(op: "Resize"), image, [nil, scales]) == "float[1, 2, 2*H, floor(W/2)]")
    let sizes = Tensor([224, 224] as [Int64], shape: [2])
    let node = SingleNode(op: "Resize", attributes: ["axes": .ints([2, 3])])
    #expect(try type(node, image, [nil, nil, sizes]) == "float[1, 2, 224, 224]")
  }

  @Test func resizeRefusesScalesThatAreNotPositive() {
    for scale: Float in [0, -1, .nan, .infinity] {
      let scales = Tensor([1, 1, scale, 1], shape: [4])
      #expect(throws: GraphError.self) { try type(SingleNode(op: "Resize"), image, [nil, scales]) }
    }
  }

  @Test func resizeRefusesRegionsThatAreNotFinite() {
    let x = Tensor([Float](repeating: 1, count: 16), shape: [1, 1, 4, 4])
    let roi = Tensor([0, 0, .nan, 0, 1, 1, 1, 1] as [Float], shape: [8])
    let sizes = Tensor([1, 1, 3, 3] as [Int64], shape: [4])
    let node = SingleNode(
      op: "Resize",
      attributes: [
        "coordinate_transformation_mode": .string("tf_crop_and_resize"), "mode": .string("linear"),
      ])
    #expect(throws: GraphError.self) { try node.run([x, roi, nil, sizes]) }
  }

  /// Widths of GoogLeNet's pooling, by hand: [1, 2, 3, 4] in windows of 3 at stride 2, rounded up.
  @Test func averagesCountWhatTheyCover() throws {
    let x = Tensor([1, 2, 3, 4] as [Float], shape: [1, 1, 4])
    var node = SingleNode(
      op: "AveragePool",
      attributes: ["kernel_shape": .ints([3]), "strides": .ints([2]), "ceil_mode": .int(1)])
    #expect(try node.run([x])[0].elements(Float.self) == [2, 3.5])
    node.attributes["pads"] = .ints([1, 1])
    node.attributes["count_include_pad"] = .int(1)
    #expect(try node.run([x])[0].elements(Float.self) == [1, 3, 2])
  }
}
