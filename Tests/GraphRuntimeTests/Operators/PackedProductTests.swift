import Testing

@testable import GraphRuntime

/// Products by constant matrices, planned, against the interpreter's.
@Suite struct PackedProductTests {
  private static let depth = 48

  private static func gemm(columns: Int, transposed: Bool, bias: [Int]?) -> Graph {
    var noise = Noise(UInt64(columns))
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N"), .fixed(depth)])))
    let w = transposed ? noise.tensor(columns, depth) : noise.tensor(depth, columns)
    var inputs: [Value.ID?] = [x, graph.addInitializer("w", w)]
    if let bias {
      let values = (0..<bias.reduce(1, *)).map { _ in noise.next() }
      inputs.append(graph.addInitializer("c", Tensor(values, shape: bias)))
    }
    let y = graph.addValue("y")
    graph.addNode(
      "Gemm", name: "gemm", inputs: inputs, outputs: [y], attributes: ["transB": .int(transposed ? 1 : 0)])
    graph.outputs = [y]
    return graph
  }

  @Test(arguments: [16, 40, 7], [true, false])
  func agreesWithTheInterpreter(columns: Int, transposed: Bool) throws {
    for bias in [nil, [columns], [1, columns]] {
      let graph = Self.gemm(columns: columns, transposed: transposed, bias: bias)
      let session = try Session(graph)
      for rows in [1, 5, 33] {
        var noise = Noise(UInt64(rows))
        let x = noise.tensor(rows, Self.depth)
        let expected = try Interpreter(graph).run([graph.inputs[0]: .tensor(x)])[0].tensor
        let want: [Float] = try #require(expected).elements()
        let got: [Float] = try #require(try session.run(["x": x])["y"]).elements()
        #expect(got.count == want.count)
        #expect(zip(got, want).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($1)) })
      }
    }
  }

  @Test func aRowsBitsDontDependOnItsPlace() throws {
    let session = try Session(Self.gemm(columns: 40, transposed: true, bias: [40]))
    var noise = Noise(3)
    let row: [Float] = noise.tensor(1, Self.depth).elements()
    let count = 29
    let x = Tensor((0..<count).flatMap { _ in row }, shape: [count, Self.depth])
    let y: [Float] = try #require(try session.run(["x": x])["y"]).elements()
    for index in 1..<count { #expect(Array(y[index * 40..<(index + 1) * 40]) == Array(y[..<40])) }
  }
}
