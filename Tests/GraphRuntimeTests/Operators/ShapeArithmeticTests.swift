import Testing

@testable import GraphRuntime

/// Integers that flow through a graph as shapes, against what the kernels compute.
@Suite struct ShapeArithmeticTests {
  /// What sessions give, optimised and not, which must be what the interpreter gives.
  private func results(_ graph: Graph) throws -> [Int] {
    let expected = try #require(Interpreter(graph).run([:])[0].tensor)
    for level in [OptimizationLevel.none, .all] {
      var options = Session.Options()
      options.optimization = level
      let result = try Session(graph, options: options).run([:])
      #expect(result["y"]?.integers == expected.integers)
      #expect(result["y"]?.shape == expected.shape)
    }
    return try #require(expected.integers)
  }

  private func vector<Element: TensorElement>(_ elements: Element...) -> Tensor {
    Tensor(elements, shape: [elements.count])
  }

  static let quotients: [(Int64, Int64, Int)] = [
    (-3, 2, -1), (3, -2, -1), (-3, -2, 1), (-4, 2, -2), (7, 2, 3), (.min, -1, .min),
  ]

  @Test(arguments: quotients) func divisionTruncates(a: Int64, b: Int64, quotient: Int) throws {
    var graph = Graph()
    let (x, y) = (graph.addInitializer("a", vector(a)), graph.addInitializer("b", vector(b)))
    graph.addOutput(graph.add("Div", x, y, output: "y"))
    #expect(try results(graph) == [quotient])
  }

  @Test func narrowIntegersWrap() throws {
    for (op, a, b, expected): (OperatorName, Tensor, Tensor, Int) in [
      ("Add", vector(UInt8(200)), vector(UInt8(100)), 44), ("Sub", vector(UInt8(1)), vector(UInt8(2)), 255),
      ("Mul", vector(Int32(100_000)), vector(Int32(100_000)), 1_410_065_408),
    ] {
      var graph = Graph()
      let sum = graph.add(op, graph.addInitializer("a", a), graph.addInitializer("b", b))
      graph.addOutput(graph.add("Cast", sum, attributes: ["to": .int(7)], output: "y"))
      #expect(try results(graph) == [expected])
    }
    var graph = Graph()
    let narrow = graph.add("Cast", graph.addInitializer("a", vector(Int64(300))), attributes: ["to": .int(3)])
    graph.addOutput(graph.add("Cast", narrow, attributes: ["to": .int(7)], output: "y"))
    #expect(try results(graph) == [44])
  }

  /// A quotient of symbols is not one rounded down where it may be negative.
  @Test func symbolicQuotients() {
    let n = Dimension.symbol("N")
    #expect(Dimension.truncatingDivide(n, by: 2) == .floorDivide(n, by: 2))
    #expect(Dimension.truncatingDivide(n * 2 - 4, by: 2) == n - 2)
    #expect(Dimension.truncatingDivide(n - 3, by: 2) != .floorDivide(n - 3, by: 2))
    #expect(Dimension.truncatingDivide(n, by: 0) == .unknown)
    #expect(Dimension.floorDivide(.fixed(.min), by: 3) == .fixed(Int.min / 3 - 1))
  }

  /// Where makes a matrix of two vectors: more elements than either has.
  @Test(arguments: [true, false]) func valuesOfBroadcastVectorsAreNotTaken(slices: Bool) throws {
    var graph = Graph()
    let a = graph.addInitializer("a", vector(Int64(5), 6))
    let condition = graph.addInitializer("c", Tensor(scalar: true))
    let column = graph.add("Unsqueeze", a, graph.addInitializer("axes", vector(Int64(1))))
    let square = graph.add("Where", condition, column, graph.addInitializer("b", vector(Int64(7), 8)))
    let flat = graph.add("Reshape", square, graph.addInitializer("flat", vector(Int64(-1))))
    let (zero, four) = (
      graph.addInitializer("0", vector(Int64(0))), graph.addInitializer("4", vector(Int64(4)))
    )
    let three = graph.addInitializer("3", vector(Int64(3)))
    graph.addOutput(
      slices
        ? graph.add("Slice", flat, zero, four, output: "y") : graph.add("Gather", flat, three, output: "y"))
    #expect(try results(graph) == (slices ? [5, 5, 6, 6] : [6]))
  }

  /// A declared shape of more elements than the value can have.
  @Test func valuesAreNotCutFromDeclaredShapes() throws {
    var graph = Graph()
    let shape = graph.addInput("s", .tensor(TensorType(.int64, [1])))
    let reshaped = graph.addValue("r", .tensor(TensorType(.int64, [5])))
    graph.addNode(
      "Reshape", inputs: [graph.addInitializer("a", vector(Int64(1), 2, 3)), shape], outputs: [reshaped])
    let (zero, five) = (
      graph.addInitializer("0", vector(Int64(0))), graph.addInitializer("5", vector(Int64(5)))
    )
    graph.addOutput(graph.add("Slice", reshaped, zero, five, output: "y"))
    let result = try Session(graph).run(["s": vector(Int64(3))])
    #expect(result["y"]?.integers == [1, 2, 3])
  }

  @Test(arguments: ["Mul", "Add"]) func namesAndCoefficientsStaySmall(op: OperatorName) throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N")])))
    var size = graph.add("Shape", x)
    for _ in 0..<64 {
      size = graph.add(op, size, size)
      if let dimension = try graph.inferTypes().dimensions[size]?[0] {
        #expect(dimension == .unknown || dimension.description.utf8.count <= 256)
        #expect(dimension.value == nil)
        // Without a limit the names would fill the memory before the end.
        if dimension.description.utf8.count > 256 { return }
      }
    }
  }
}
