import ONNXParse
import Testing

@testable import GraphRuntime

/// Data and shapes made to break kernels: each must give an error, never a trap or a read outside memory.
@Suite struct HostileInputTests {
  private static func floats(_ shape: Int..., value: Float = 1) -> Tensor {
    Tensor([Float](repeating: value, count: shape.reduce(1, *)), shape: shape)
  }
  private static let matrix = Tensor((0..<6).map { Float($0) }, shape: [2, 3])
  private static func integers(_ values: [Int64], _ shape: [Int]? = nil) -> Tensor {
    Tensor(values, shape: shape ?? [values.count])
  }

  struct Case: Sendable, CustomStringConvertible {
    let op: OperatorName
    let inputs: [Tensor?]
    var attributes: [String: Attribute] = [:]
    var description: String { "\(op)\(inputs.map { $0?.description ?? "none" })\(attributes.keys.sorted())" }
  }

  static let cases: [Case] = [
    Case(op: "Gather", inputs: [matrix, integers([2])]),
    Case(op: "Gather", inputs: [matrix, integers([.min])]),
    Case(op: "Gather", inputs: [matrix, integers([0])], attributes: ["axis": .int(.min)]),
    Case(op: "GatherElements", inputs: [matrix, integers([0, 9], [1, 2])]),
    Case(op: "GatherElements", inputs: [matrix, integers([0, 0, 0, 0, 0, 0, 0, 0], [2, 4])]),
    Case(op: "GatherND", inputs: [matrix, integers([0, .max], [1, 2])]),
    Case(op: "GatherND", inputs: [matrix, integers([0], [1, 1])], attributes: ["batch_dims": .int(5)]),
    Case(
      op: "ScatterElements", inputs: [matrix, integers([7], [1, 1]), Tensor([Float(1)], shape: [1, 1])]),
    Case(
      op: "ScatterND", inputs: [matrix, integers([-3], [1, 1]), Tensor([Float(1), 2, 3], shape: [1, 3])]),
    Case(op: "ScatterND", inputs: [matrix, integers([0], [1, 1]), Tensor([Float(1)], shape: [1, 1])]),
    Case(op: "Reshape", inputs: [matrix, integers([.max, .max])]),
    Case(op: "Reshape", inputs: [matrix, integers([4, 2])]),
    Case(op: "Reshape", inputs: [matrix, integers([-1, -1])]),
    Case(op: "Reshape", inputs: [matrix, integers([-1, 0, 0, 0])]),
    Case(op: "Expand", inputs: [matrix, integers([1 << 40, 1 << 40, 2, 3])]),
    Case(op: "Expand", inputs: [matrix, integers([-1, 3])]),
    Case(op: "Tile", inputs: [matrix, integers([.max, .max])]),
    Case(op: "Tile", inputs: [matrix, integers([-1, 1])]),
    Case(op: "Slice", inputs: [matrix, integers([0]), integers([1]), integers([5])]),
    Case(op: "Slice", inputs: [matrix, integers([0]), integers([1]), integers([0]), integers([0])]),
    Case(op: "Slice", inputs: [matrix, integers([0, 0]), integers([1]), integers([0, 1])]),
    Case(op: "Split", inputs: [matrix, integers([7])], attributes: ["axis": .int(1)]),
    Case(op: "Split", inputs: [matrix], attributes: ["num_outputs": .int(.max)]),
    Case(op: "Concat", inputs: [matrix, Tensor([Float(0)], shape: [1, 1])], attributes: ["axis": .int(0)]),
    Case(op: "Concat", inputs: [matrix, matrix], attributes: ["axis": .int(9)]),
    Case(op: "Squeeze", inputs: [matrix, integers([0])]),
    Case(op: "Unsqueeze", inputs: [matrix, integers([.max])]),
    Case(op: "Unsqueeze", inputs: [matrix, integers([0, 0])]),
    Case(op: "Transpose", inputs: [matrix], attributes: ["perm": .ints([0, 0])]),
    Case(op: "Transpose", inputs: [matrix], attributes: ["perm": .ints([.min, 1])]),
    Case(op: "ConstantOfShape", inputs: [integers([.max])]),
    Case(op: "ConstantOfShape", inputs: [integers([-5])]),
    Case(
      op: "Range", inputs: [Tensor(scalar: Int64(0)), Tensor(scalar: Int64(5)), Tensor(scalar: Int64(0))]),
    Case(
      op: "Range", inputs: [Tensor(scalar: Int64.min), Tensor(scalar: Int64.max), Tensor(scalar: Int64(1))]),
    Case(op: "TopK", inputs: [matrix, integers([4])]),
    Case(op: "TopK", inputs: [matrix, integers([-1])]),
    Case(op: "CumSum", inputs: [matrix, Tensor(scalar: Int64.min)]),
    Case(op: "ReverseSequence", inputs: [matrix, integers([3, 0, 0])]),
    Case(
      op: "OneHot", inputs: [integers([0]), Tensor(scalar: Int64(-2)), Tensor([Float(0), 1], shape: [2])]),
    Case(
      op: "OneHot", inputs: [integers([0]), Tensor(scalar: Int64.max), Tensor([Float(0), 1], shape: [2])]),
    Case(op: "ReduceSum", inputs: [matrix, integers([2])]),
    Case(op: "ReduceSum", inputs: [matrix, integers([.min])]),
    Case(op: "ArgMax", inputs: [Tensor([Float](), shape: [0, 3])]),
    Case(op: "Add", inputs: [matrix, Tensor([Float(0), 1], shape: [2])]),
    Case(op: "Cast", inputs: [matrix], attributes: ["to": .int(99)]),
    Case(
      op: "Compress", inputs: [matrix, Tensor([true, false, true], shape: [3])], attributes: ["axis": .int(0)]
    ),
    Case(op: "Einsum", inputs: [matrix], attributes: ["equation": .string("ijk")]),
    Case(op: "Einsum", inputs: [matrix], attributes: ["equation": .string("ij->z")]),
    Case(op: "DFT", inputs: [Tensor([Float(1), 2], shape: [1, 2, 1]), Tensor(scalar: Int64.max)]),
    Case(op: "SplitToSequence", inputs: [matrix, integers([.max, .max])]),
    Case(op: "Conv", inputs: [floats(1, 8, 100), floats(64, 8, 3), Tensor(scalar: Float(1))]),
    Case(op: "Conv", inputs: [floats(1, 8, 100), floats(64, 8, 3), floats(1)]),
    Case(op: "ConvTranspose", inputs: [floats(1, 8, 100), floats(8, 64, 3), Tensor(scalar: Float(1))]),
    Case(op: "CumSum", inputs: [matrix, integers([])]),
    Case(op: "Trilu", inputs: [matrix, integers([])]),
    Case(op: "Pad", inputs: [matrix, integers([0, 0, 1, 1]), Tensor([Float](), shape: [0])]),
    Case(op: "PRelu", inputs: [floats(1, 3), floats(2, 3)]),
    Case(op: "LayerNormalization", inputs: [floats(1, 3), floats(2, 3)]),
    Case(op: "Gemm", inputs: [floats(1, 3), floats(3, 2), floats(4, 2)]),
    Case(
      op: "MaxRoiPool", inputs: [floats(1, 1, 4, 4), Tensor([Float(0), 1e8, 0, 1e8, 0], shape: [1, 5])],
      attributes: ["pooled_shape": .ints([1, 1]), "spatial_scale": .float(-1e30)]),
    Case(
      op: "RoiAlign",
      inputs: [floats(1, 1, 4, 4), Tensor([Float(0), 0, 4, 4], shape: [1, 4]), integers([0])],
      attributes: ["sampling_ratio": .int(1 << 14)]),
  ]

  @Test(arguments: cases) func giveAnError(test: Case) {
    #expect(throws: GraphError.self) {
      _ = try SingleNodeEvaluation(op: test.op, attributes: test.attributes).run(test.inputs)
    }
  }

  /// Beside an extent of 0 the others may not be larger together than can be counted.
  @Test func emptyShapesAreCountedToo() throws {
    #expect([0, 1 << 62, 4].elementCount == nil)
    #expect([1 << 62, 4, 0].elementCount == nil)
    #expect([1 << 40, 0].elementCount == 0)
    #expect([].elementCount == 1)
    #expect(throws: GraphError.self) { try Tensor(.float32, shape: [0, 1 << 62, 4], bytes: ByteRegion([])) }
  }

  /// For a tensor without elements nothing is computed, however large its other extents.
  @Test func hugeExtentsBesideZeroTakeNoTime() throws {
    func empty(_ shape: Int...) throws -> Tensor { try Tensor(.float32, shape: shape, bytes: ByteRegion([])) }
    for (op, inputs, attributes, shape): (OperatorName, [Tensor], [String: Attribute], [Int]) in [
      ("Concat", [try empty(1 << 47, 0), try empty(1 << 47, 0)], ["axis": .int(1)], [1 << 47, 0]),
      ("Transpose", [try empty(1 << 40, 0, 2)], ["perm": .ints([2, 0, 1])], [2, 1 << 40, 0]),
      ("MatMul", [try empty(1 << 40, 0, 3), Self.floats(3, 4)], [:], [1 << 40, 0, 4]),
      ("CumSum", [try empty(1 << 40, 0), Self.integers([0], [])], [:], [1 << 40, 0]),
      ("Softmax", [try empty(1 << 40, 0)], [:], [1 << 40, 0]),
    ] {
      #expect(try SingleNodeEvaluation(op: op, attributes: attributes).run(inputs).shape == shape)
      var graph = Graph()
      let values = inputs.enumerated().map { index, tensor in
        tensor.count == 0
          ? graph.addInput("x\(index)", .tensor(tensor.type)) : graph.addInitializer("x\(index)", tensor)
      }
      let y = graph.addValue("y")
      graph.addNode(op, inputs: values, outputs: [y], attributes: attributes)
      graph.addOutput(y)
      let given = inputs.enumerated().filter { $1.count == 0 }.map { ("x\($0)", $1) }
      #expect(try Session(graph).run(Dictionary(uniqueKeysWithValues: given))["y"]?.shape == shape)
    }
  }

  /// Integer arithmetic wraps, and division by zero gives 0.
  @Test func integersNeverTrap() throws {
    let extremes = Tensor([Int64.min, .max, -1, 0, 1], shape: [5, 1])
    let others = Tensor([Int64.min, .max, -1, 0, 1, 63, 64], shape: [7])
    for op in ["Add", "Sub", "Mul", "Div", "Mod", "Pow", "Min", "Max"] {
      #expect(try SingleNode(op: OperatorName(op)).run([extremes, others])[0].shape == [5, 7])
    }
    for op in ["Abs", "Neg", "Sign"] { _ = try SingleNode(op: OperatorName(op)).run([extremes]) }
    for op in [
      "ReduceSum", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMean",
    ] {
      _ = try SingleNode(op: OperatorName(op)).run([extremes])
    }
  }

  /// Places far outside, infinite or not a number read padding.
  @Test(arguments: ["zeros", "border", "reflection"]) func gridsMayHoldAnything(padding: String) throws {
    let image = Tensor((0..<12).map { Float($0) }, shape: [1, 1, 3, 4])
    let wild: [Float] = [.nan, .infinity, -.infinity, 1e38, -1e38, 3.4e38, 0, -1]
    for mode in ["linear", "nearest", "cubic"] {
      let node = SingleNode(
        op: "GridSample", attributes: ["mode": .string(mode), "padding_mode": .string(padding)])
      let result = try node.run([image, Tensor(wild, shape: [1, 2, 2, 2])])[0]
      #expect(result.shape == [1, 1, 2, 2])
    }
  }
}
