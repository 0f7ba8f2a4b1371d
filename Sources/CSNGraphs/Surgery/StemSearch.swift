import GraphRuntime

/// Finds the first convolution and what the network does to its input before it.
struct StemSearch {
  let graph: Graph
  let resolver: ConstantResolver
  let input: Value.ID
  let layout: Backbone.Layout
  let size: (height: Int, width: Int)

  /// Wider than the first convolution of any classifier; what is measured of it takes time in proportion to its area
  /// times its side.
  private static let largestKernel = 31

  /// The first convolution that depends on the input.
  func stem() throws(CSNError) -> Backbone.Stem {
    let node = try firstConvolution()
    guard let data = node.input(0), let weight = resolver.floats(node.input(1)), weight.shape.count == 4
    else {
      throw CSNError(.unplaceable, "\(node.label) has no constant 4-d weight")
    }
    guard weight.shape[1] == 3, node.attributes["group"]?.int ?? 1 == 1 else {
      throw CSNError(
        .unplaceable,
        "\(node.label) reads \(weight.shape[1]) channels, where the first convolution reads a picture's 3")
    }
    guard max(weight.shape[2], weight.shape[3]) <= Self.largestKernel else {
      throw CSNError(
        .unplaceable,
        "\(node.label) has filters of \(weight.shape[2])x\(weight.shape[3]), more than \(Self.largestKernel)x\(Self.largestKernel)"
      )
    }
    guard weight.elements.allSatisfy(\.isFinite) else {
      throw CSNError(.degenerate, "\(node.label) has weights that are not finite")
    }
    let prelude = try Prelude(graph: graph, input: input, layout: layout, size: size, until: data)
    let statistics = StemStatistics(
      weights: weight.elements, shape: weight.shape, bias: resolver.floats(node.input(2))?.elements,
      normalization: normalization(after: node))
    return Backbone.Stem(
      label: node.label, shape: weight.shape,
      weights: prelude.applied(to: weight.elements, shape: weight.shape),
      hasBias: node.input(2) != nil, prelude: prelude, statistics: statistics)
  }

  private func firstConvolution() throws(CSNError) -> Node {
    var reached: Set<Value.ID> = [input]
    for node in graph.nodes where node.reads.contains(where: reached.contains) {
      if node.op == "Conv" { return node }
      if ["MatMul", "Gemm", "ConvTranspose", "ConvInteger", "QLinearConv"].contains(node.op) {
        throw CSNError(.unplaceable, "the input goes through \(node.label) before any Conv")
      }
      reached.formUnion(node.outputs.compactMap(\.self))
    }
    throw CSNError(.unplaceable, "no Conv reads the input '\(graph[input].name)'")
  }

  /// Mean and variance of the convolution's outputs as its BatchNormalization recorded them in training.
  private func normalization(after node: Node) -> (mean: [Double], variance: [Double])? {
    guard let output = node.output(0),
      let reader = graph.nodes.first(where: { $0.op == "BatchNormalization" && $0.input(0) == output }),
      let mean = resolver.floats(reader.input(3)), let variance = resolver.floats(reader.input(4)),
      mean.elements.count == variance.elements.count
    else { return nil }
    return (mean.elements, variance.elements)
  }
}

/// What a network itself does to its input before the first convolution, as an affine map of the three channels:
/// identity, a normalisation, a change of channel order.
struct Prelude: Sendable {
  /// matrix[convolution channel][input channel].
  let matrix: [[Double]]
  let offset: [Double]

  /// Measures the map by sending plain colours through the nodes between `input` and `end`.
  init(
    graph: Graph, input: Value.ID, layout: Backbone.Layout, size: (height: Int, width: Int),
    until end: Value.ID
  ) throws(CSNError) {
    let moves: Set<OperatorName> = ["Pad", "Identity", "Cast", "Dropout"]
    let nodes = graph.nodesNeeded(for: [end], given: [input])
    let between = nodes.filter { node in !moves.contains(node.op) && !Self.isLayoutChange(node, layout) }
    guard !between.isEmpty else {
      matrix = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
      offset = [0, 0, 0]
      return
    }
    let probe = ColourProbe(graph: graph, input: input, layout: layout, size: size, end: end)
    let zero = try probe.response(to: [0, 0, 0])
    let columns = [
      try probe.response(to: [1, 0, 0]), try probe.response(to: [0, 1, 0]),
      try probe.response(to: [0, 0, 1]),
    ]
    let matrix = (0..<3).map { row in columns.map { $0[row] - zero[row] } }
    let colour = [0.25, 0.5, 0.75]
    let mixed = try probe.response(to: colour)
    for row in 0..<3 {
      let expected = zero[row] + zip(matrix[row], colour).reduce(0) { $0 + $1.0 * $1.1 }
      guard abs(expected - mixed[row]) <= 1e-3 * max(1, abs(expected)) else {
        throw CSNError(
          .unplaceable,
          "what stands before the first convolution (\(between.map(\.label).joined(separator: ", "))) is not affine"
        )
      }
    }
    self.matrix = matrix
    offset = zero
  }

  private static func isLayoutChange(_ node: Node, _ layout: Backbone.Layout) -> Bool {
    layout == .channelsLast && node.op == "Transpose" && node.attributes["perm"]?.ints == [0, 3, 1, 2]
  }

  var isIdentity: Bool { matrix == [[1, 0, 0], [0, 1, 0], [0, 0, 1]] && offset == [0, 0, 0] }

  /// The mean factor of the map.
  var gain: Double { matrix.reduce(0) { $0 + $1.reduce(0) { $0 + abs($1) } } / 3 }

  var note: String {
    guard !isIdentity else { return "" }
    let rows = matrix.map { "(" + $0.map { String(format(($0))) }.joined(separator: ", ") + ")" }
    return
      ", behind a map of its own: \(rows.joined(separator: " ")) + (\(offset.map(format).joined(separator: ", ")))"
  }

  private func format(_ value: Double) -> String { "\((value * 1e4).rounded() / 1e4)" }

  /// Filters `[K, 3, h, w]` as they act on what is before the map.
  func applied(to weights: [Double], shape: [Int]) -> [Double] {
    guard !isIdentity else { return weights }
    let area = shape[2] * shape[3]
    var result = [Double](repeating: 0, count: weights.count)
    for filter in 0..<shape[0] {
      for (channel, row) in matrix.enumerated() {
        for (source, factor) in row.enumerated() where factor != 0 {
          for position in 0..<area {
            result[(filter * 3 + source) * area + position] +=
              factor * weights[(filter * 3 + channel) * area + position]
          }
        }
      }
    }
    return result
  }
}

/// Sends pictures of one colour through the part of a network between its input and its first convolution.
private struct ColourProbe {
  let graph: Graph
  let input: Value.ID
  let layout: Backbone.Layout
  let size: (height: Int, width: Int)
  let end: Value.ID

  /// The colour that reaches the middle of `end`, as [channel].
  func response(to colour: [Double]) throws(CSNError) -> [Double] {
    do {
      let results = try Interpreter(graph).run([input: .tensor(picture(colour))], outputs: [end])
      guard let tensor = results.first?.tensor, tensor.shape.count == 4, tensor.shape[1] == 3,
        let elements = tensor.doubles
      else {
        throw CSNError(.unplaceable, "what reaches the first convolution is not a picture of 3 channels")
      }
      let (height, width) = (tensor.shape[2], tensor.shape[3])
      return (0..<3).map { elements[($0 * height + height / 2) * width + width / 2] }
    } catch let error as CSNError {
      throw error
    } catch {
      throw CSNError(.unplaceable, "what stands before the first convolution can't be computed: \(error)")
    }
  }

  private func picture(_ colour: [Double]) -> Tensor {
    let area = size.height * size.width
    switch layout {
    case .channelsFirst:
      return Tensor(
        rounding: colour.flatMap { [Double](repeating: $0, count: area) },
        shape: [1, 3, size.height, size.width])
    case .channelsLast:
      return Tensor(
        rounding: (0..<area).flatMap { _ in colour }, shape: [1, size.height, size.width, 3])
    }
  }
}
