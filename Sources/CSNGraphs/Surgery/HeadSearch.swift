import GraphRuntime

/// Finds the last pooling and the classifier by walking back from the network's outputs.
///
/// The way allowed: Softmax; a dense layer as Gemm, as MatMul and Add, or as a 1x1 convolution; between them and up to
/// the pooling whatever only passes values on (Dropout, Flatten, Reshape, Squeeze, Cast...).
struct HeadSearch {
  let graph: Graph
  let resolver: ConstantResolver
  let input: Value.ID
  let layout: Backbone.Layout

  /// Operators that pass values on unchanged, in the order they are stored.
  private static let transparent: Set<OperatorName> = [
    "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Cast",
  ]

  /// A dense layer as it stands in the network.
  private struct Dense {
    var label: String
    var source: Value.ID
    /// [outputs, inputs].
    var weight: [Double]
    var outputs: Int
    var inputs: Int
    var bias: [Double]
  }

  /// The classifier behind the last pooling; of several outputs, the one with the most of the network before it.
  func classifier() throws(CSNError) -> Backbone.Classifier {
    var best: (depth: Int, classifier: Backbone.Classifier)?
    var reasons: [String] = []
    for output in graph.outputs {
      do {
        let found = try classifier(at: output)
        let depth = graph.nodesNeeded(for: [output]).count
        if depth > best?.depth ?? 0 { best = (depth, found) }
      } catch {
        reasons.append("output '\(graph[output].name)': \(error.description)")
      }
    }
    guard let best else {
      throw CSNError(
        .unplaceable, reasons.isEmpty ? "the network has no output" : reasons.joined(separator: "; "))
    }
    return best.classifier
  }

  private func classifier(at output: Value.ID) throws(CSNError) -> Backbone.Classifier {
    var value = skipTransparent(output)
    var hasSoftmax = false
    if let node = resolver.maker(of: value), ["Softmax", "LogSoftmax"].contains(node.op),
      let source = node.input(0)
    {
      hasSoftmax = true
      value = skipTransparent(source)
    }
    let dense = try denseLayer(at: value)
    let source = skipTransparent(dense.source)
    guard let node = resolver.maker(of: source), let features = try pooledChannels(node) else {
      let found = resolver.maker(of: source).map(\.label) ?? "the input '\(graph[source].name)'"
      throw CSNError(
        .unplaceable,
        "\(dense.label) reads \(found), where a pooling over the whole picture (GlobalAveragePool, ReduceMean, AveragePool) is needed"
      )
    }
    if let channels = features.channels, channels != dense.inputs {
      throw CSNError(
        .unplaceable, "\(dense.label) reads \(dense.inputs) features, but \(node.label) makes \(channels)")
    }
    guard dense.weight.allSatisfy(\.isFinite), dense.bias.allSatisfy(\.isFinite) else {
      throw CSNError(.degenerate, "\(dense.label) has weights that are not finite")
    }
    return Backbone.Classifier(
      pooled: source, poolingLabel: node.label, label: dense.label, features: dense.inputs,
      classes: dense.outputs,
      weight: dense.weight, bias: dense.bias, hasSoftmax: hasSoftmax)
  }

  private func skipTransparent(_ value: Value.ID) -> Value.ID {
    var value = value
    while let node = resolver.maker(of: value), Self.transparent.contains(node.op), let source = node.input(0)
    {
      value = source
    }
    return value
  }
}

// MARK: - The dense layer

extension HeadSearch {
  /// - Parameter additions: how many constants may still be added to the scores: one is the bias, one more a correction.
  private func denseLayer(at value: Value.ID, additions: Int = 2) throws(CSNError) -> Dense {
    guard let node = resolver.maker(of: value) else {
      throw CSNError(.unplaceable, "it is the input '\(graph[value].name)' itself")
    }
    switch node.op {
    case "Gemm": return try gemm(node)
    case "MatMul": return try matrixProduct(node)
    case "Conv": return try pointwiseConvolution(node)
    case "Add" where additions > 0:
      // MatMul and Add, the bias on either side; a convolution may get its bias so too.
      for (data, constant) in [(0, 1), (1, 0)] {
        guard let bias = resolver.floats(node.input(constant)), let source = node.input(data) else {
          continue
        }
        var dense = try denseLayer(at: skipTransparent(source), additions: additions - 1)
        guard bias.elements.count == dense.outputs || bias.elements.count == 1 else { break }
        for index in dense.bias.indices {
          dense.bias[index] += bias.elements[bias.elements.count == 1 ? 0 : index]
        }
        return dense
      }
      fallthrough
    default:
      throw CSNError(.unplaceable, "\(node.label) is not a classifier (Gemm, MatMul and Add, or a 1x1 Conv)")
    }
  }

  private func gemm(_ node: Node) throws(CSNError) -> Dense {
    guard let source = node.input(0), let weight = resolver.floats(node.input(1)), weight.shape.count == 2,
      node.attributes["transA"]?.int ?? 0 == 0
    else { throw notConstant(node) }
    let transposed = node.attributes["transB"]?.int ?? 0 != 0
    let alpha = Double(node.attributes["alpha"]?.float ?? 1)
    var dense = dense(node, source, weight, outputsFirst: transposed)
    dense.weight = dense.weight.map { $0 * alpha }
    if let id = node.input(2) {
      let beta = Double(node.attributes["beta"]?.float ?? 1)
      guard let bias = resolver.floats(id), [1, dense.outputs].contains(bias.elements.count) else {
        throw notConstant(node)
      }
      dense.bias = dense.bias.indices.map { bias.elements[bias.elements.count == 1 ? 0 : $0] * beta }
    }
    return dense
  }

  private func matrixProduct(_ node: Node) throws(CSNError) -> Dense {
    guard let source = node.input(0), let weight = resolver.floats(node.input(1)), weight.shape.count == 2
    else {
      throw notConstant(node)
    }
    return dense(node, source, weight, outputsFirst: false)
  }

  private func pointwiseConvolution(_ node: Node) throws(CSNError) -> Dense {
    guard let source = node.input(0), let weight = resolver.floats(node.input(1)), weight.shape.count >= 3
    else {
      throw notConstant(node)
    }
    guard weight.shape.dropFirst(2).allSatisfy({ $0 == 1 }), node.attributes["group"]?.int ?? 1 == 1 else {
      throw CSNError(
        .unplaceable,
        "\(node.label) has a kernel of \(weight.shape.dropFirst(2).map(String.init).joined(separator: "x")) where a classifier's is 1x1"
      )
    }
    var dense = dense(node, source, (Array(weight.shape.prefix(2)), weight.elements), outputsFirst: true)
    if let id = node.input(2) {
      guard let bias = resolver.floats(id), bias.elements.count == dense.outputs else {
        throw notConstant(node)
      }
      dense.bias = bias.elements
    }
    return dense
  }

  private func dense(
    _ node: Node, _ source: Value.ID, _ weight: (shape: [Int], elements: [Double]), outputsFirst: Bool
  ) -> Dense {
    let (outputs, inputs) =
      outputsFirst ? (weight.shape[0], weight.shape[1]) : (weight.shape[1], weight.shape[0])
    var elements = weight.elements
    if !outputsFirst {
      for row in 0..<outputs {
        for column in 0..<inputs { elements[row * inputs + column] = weight.elements[column * outputs + row] }
      }
    }
    return Dense(
      label: node.label, source: source, weight: elements, outputs: outputs, inputs: inputs,
      bias: [Double](repeating: 0, count: outputs))
  }

  private func notConstant(_ node: Node) -> CSNError {
    CSNError(.unplaceable, "\(node.label) has weights that are not constants of a dense layer")
  }
}

// MARK: - The pooling

extension HeadSearch {
  /// The channels a node pools over the whole picture; nil where it is no such pooling, `channels` nil where unknown.
  private func pooledChannels(_ node: Node) throws(CSNError) -> (channels: Int?, Void)? {
    guard let source = node.input(0) else { return nil }
    let shape = graph[source].type?.tensor?.shape
    switch node.op {
    case "GlobalAveragePool", "GlobalMaxPool": return (shape?.dropFirst().first?.value, ())
    case "ReduceMean":
      let axes = node.attributes["axes"]?.ints ?? resolver.tensor(node.input(1))?.integers ?? []
      let positive = Set(axes.map { $0 < 0 ? $0 + 4 : $0 })
      if positive == [2, 3] { return (channels(shape, axis: 1), ()) }
      if positive == [1, 2] { return (channels(shape, axis: 3), ()) }
      return nil
    case "AveragePool":
      let kernel = node.attributes["kernel_shape"]?.ints ?? []
      guard let shape, shape.count == 4 else { return nil }
      // Caffe rounds up: its 7x7 may pool a padded map of 6x6.
      let made = node.output(0).flatMap { graph[$0].type?.tensor?.shape }
      let covered = zip(shape.dropFirst(2), kernel).allSatisfy { ($0.value ?? $1) <= $1 }
      let isSingle = made?.dropFirst(2).allSatisfy({ ($0.value ?? 1) == 1 }) ?? true
      guard covered, isSingle, kernel.count == 2 else {
        throw CSNError(
          .unplaceable,
          "\(node.label) pools \(kernel.map(String.init).joined(separator: "x")) of \(TensorType(.float32, shape)), not the whole picture"
        )
      }
      return (shape[1].value, ())
    default: return nil
    }
  }

  private func channels(_ shape: Shape?, axis: Int) -> Int? {
    shape.flatMap { $0.indices.contains(axis) ? $0[axis].value : nil }
  }
}
