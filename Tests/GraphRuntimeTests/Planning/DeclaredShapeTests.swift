import Testing

@testable import GraphRuntime

/// Declared shapes that the data contradict: no memory may be planned by them.
@Suite struct DeclaredShapeTests {
  private static func vector(_ elements: Int64...) -> Tensor { Tensor(elements, shape: [elements.count]) }

  struct Case: Sendable, CustomTestStringConvertible {
    let op: OperatorName
    let inputs: [Tensor]
    let declared: Shape
    let shape: [Int]
    var testDescription: String { "\(op) declared as \(declared)" }
  }

  static let six = Tensor((0..<6).map { Float($0) }, shape: [6])
  static let cases: [Case] = [
    Case(op: "Reshape", inputs: [six, vector(6)], declared: [100], shape: [6]),
    Case(op: "Reshape", inputs: [six, vector(3, 2)], declared: [2, 3], shape: [3, 2]),
    Case(
      op: "Squeeze", inputs: [Tensor([Float(1)], shape: [1, 1]), vector(1)], declared: [100], shape: [1]),
    Case(op: "Unsqueeze", inputs: [six, vector(1)], declared: [1, 6], shape: [6, 1]),
    Case(op: "Tile", inputs: [six, vector(2)], declared: [100], shape: [12]),
    Case(op: "Expand", inputs: [Tensor([Float(1)], shape: [1]), vector(2)], declared: [5], shape: [2]),
    Case(op: "ConstantOfShape", inputs: [vector(2)], declared: [5], shape: [2]),
    Case(
      op: "Range", inputs: [Tensor(scalar: Int64(0)), Tensor(scalar: Int64(2)), Tensor(scalar: Int64(1))],
      declared: [9], shape: [2]),
    Case(
      op: "OneHot", inputs: [vector(1), Tensor(scalar: Int64(3)), Tensor([Float(0), 1], shape: [2])],
      declared: [1, 7], shape: [1, 3]),
  ]

  @Test(arguments: cases) func theDataDecide(test: Case) throws {
    var graph = Graph()
    let inputs = test.inputs.enumerated().map { graph.addInput("x\($0)", .tensor($1.type)) }
    let type: ElementType = test.op == "Range" ? .int64 : .float32
    let y = graph.addValue("y", .tensor(TensorType(type, test.declared)))
    graph.addNode(test.op, name: "node", inputs: inputs, outputs: [y])
    graph.addOutput(y)
    let given = Dictionary(uniqueKeysWithValues: test.inputs.enumerated().map { ("x\($0)", $1) })
    for level in [OptimizationLevel.none, .all] {
      var options = Session.Options()
      options.optimization = level
      let session = try Session(graph, options: options)
      #expect(try session.run(given)["y"]?.shape == test.shape)
    }
  }

  /// What rules know is planned, declared or not.
  @Test func declarationsThatAreTrueCostNothing() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, [6])))
    let y = graph.addValue("y", .tensor(TensorType(.float32, [2, 3])))
    graph.addNode("Reshape", inputs: [x, graph.addInitializer("s", Self.vector(2, 3))], outputs: [y])
    graph.addOutput(graph.add("Relu", y))
    #expect(try !Session(graph).plan().isDynamic)
  }
}
