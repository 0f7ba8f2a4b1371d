import Testing

@testable import GraphRuntime

@Suite struct ShapeRuleTests {
  private func type(_ shape: Shape) -> ValueType { .tensor(TensorType(.float32, shape)) }

  @Test func sliceOfSymbolicAxes() throws {
    let n = Dimension.symbol("N")
    #expect(try SliceRange.extent(of: n, from: 0, to: .fixed(Int.max), by: 1) == n)
    #expect(try SliceRange.extent(of: n, from: 1, to: .fixed(Int.max), by: 1) == n - 1)
    #expect(try SliceRange.extent(of: n, from: 0, to: -1, by: 1) == n - 1)
    #expect(try SliceRange.extent(of: n, from: 0, to: 5, by: 1) == .unknown)
    #expect(throws: GraphError.self) { try SliceRange.extent(of: n, from: 0, to: 1, by: 0) }
  }

  /// Every start, end and step against Python's meaning, extremes included.
  @Test func sliceRangesAreThoseOfPython() {
    let ends = [Int.min, -7, -6, -5, -1, 0, 1, 4, 5, 6, Int.max]
    for extent in 0...5 {
      for start in ends {
        for end in ends {
          for step in [Int.min, -3, -2, -1, 1, 2, 3, Int.max] {
            let range = SliceRange(start: start, end: end, step: step, extent: extent)
            let expected = pythonSlice(extent, start, end, step)
            #expect(range.count == expected.count)
            if let first = expected.first { #expect(range.start == first) }
          }
        }
      }
    }
  }

  private func pythonSlice(_ extent: Int, _ start: Int, _ end: Int, _ step: Int) -> [Int] {
    func place(_ index: Int, low: Int, high: Int) -> Int {
      min(max(index < 0 ? index.addingReportingOverflow(extent).partialValue : index, low), high)
    }
    let first = step > 0 ? place(start, low: 0, high: extent) : place(start, low: -1, high: extent - 1)
    let last = step > 0 ? place(end, low: 0, high: extent) : place(end, low: -1, high: extent - 1)
    var taken: [Int] = []
    var index = first
    while step > 0 ? index < last : index > last {
      taken.append(index)
      let (next, overflow) = index.addingReportingOverflow(step)
      if overflow { break }
      index = next
    }
    return taken
  }

  /// x.reshape(x.shape[0], -1) as exporters write it: Shape, Gather, Unsqueeze, Concat, Reshape.
  @Test func shapesFlowFromShapeToReshape() throws {
    var graph = Graph()
    let x = graph.addInput("x", type([.symbol("N"), 2, 3, .symbol("W")]))
    let zero = graph.addInitializer("zero", Tensor(scalar: Int64(0)))
    let axes = graph.addInitializer("axes", Tensor([Int64(0)], shape: [1]))
    let rest = graph.addInitializer("rest", Tensor([Int64(-1)], shape: [1]))
    let shape = graph.add("Shape", x)
    let first = graph.add("Gather", shape, zero)
    let row = graph.add("Unsqueeze", first, axes)
    let wanted = graph.add("Concat", row, rest, attributes: ["axis": .int(0)])
    let y = graph.add("Reshape", x, wanted)
    graph.addOutput(y)
    try graph.inferTypes()
    #expect(graph[y].type?.tensor?.shape == [.symbol("N"), 6 * .symbol("W")])
  }

  @Test func arithmeticOnShapes() throws {
    var graph = Graph()
    let x = graph.addInput("x", type([.symbol("N"), 8, .symbol("H")]))
    let two = graph.addInitializer("two", Tensor([Int64(1), 2, 1], shape: [3]))
    let shape = graph.add("Mul", graph.add("Shape", x), two)
    let y = graph.add("Expand", graph.addInitializer("one", Tensor(scalar: Float(1))), shape)
    graph.addOutput(y)
    try graph.inferTypes()
    #expect(graph[y].type?.tensor?.shape == [.symbol("N"), 16, .symbol("H")])
  }
}
