/// How many multiply-adds nodes take: products alone, as the operators' definitions ask for them, whatever algorithm
/// computes them.
enum MultiplyAdds {
  /// The count for a node whose shapes are known; nil for operators that have none worth counting.
  static func count(_ node: Node, inputs: [[Int]?], outputs: [[Int]?]) -> Int? {
    guard let rule = rules[node.op], let output = outputs.first ?? nil, let size = output.elementCount else {
      return nil
    }
    return rule(Shapes(node: node, inputs: inputs, output: output)).flatMap { perElement in
      let (count, overflow) = perElement.elements.multipliedReportingOverflow(by: perElement.depth)
      return overflow ? nil : count
    } ?? (size == 0 ? 0 : nil)
  }

  private struct Shapes {
    let node: Node
    let inputs: [[Int]?]
    let output: [Int]

    func input(_ index: Int) -> [Int]? { inputs.indices.contains(index) ? inputs[index] : nil }
  }

  /// So many sums of so many products each.
  private struct Work {
    let elements: Int
    let depth: Int

    init?(_ elements: Int?, _ depth: Int?) {
      guard let elements, let depth else { return nil }
      self.elements = elements
      self.depth = depth
    }
  }

  private static let rules: [OperatorName: @Sendable (Shapes) -> Work?] = [
    "Conv": convolution, FusedConvolution.name: convolution, "ConvInteger": convolution,
    "QLinearConv": {
      Work($0.output.elementCount, $0.input(3).flatMap { Array($0.dropFirst()).elementCount })
    },
    // Every input element meets every weight of its group.
    "ConvTranspose": {
      Work($0.input(0)?.elementCount, $0.input(1).flatMap { Array($0.dropFirst()).elementCount })
    },
    "Gemm": { shapes in
      let isTransposed = shapes.node.attributes["transA"]?.int ?? 0 != 0
      return Work(shapes.output.elementCount, isTransposed ? shapes.input(0)?.first : shapes.input(0)?.last)
    },
    "MatMul": { Work($0.output.elementCount, $0.input(0)?.last) },
    "MatMulInteger": { Work($0.output.elementCount, $0.input(0)?.last) },
    "QLinearMatMul": { Work($0.output.elementCount, $0.input(0)?.last) },
  ]

  /// Every output element sums over one filter.
  @Sendable private static func convolution(_ shapes: Shapes) -> Work? {
    Work(shapes.output.elementCount, shapes.input(1).flatMap { Array($0.dropFirst()).elementCount })
  }
}
