/// Scan of opset 8, which went over a batch of sequences at once.
extension OpsetUpgrade {
  static let scan: [String: [Change]] = ["Scan": [Change(before: 9, perSequence)]]

  /// The same as a Scan over the batch, of which each step is today's Scan over one sequence.
  private static func perSequence(_ node: inout NodeUpgrade) throws {
    guard case .graph(let body)? = node.attributes["body"] else { throw node.missing("body") }
    guard node.input(0) == nil else {
      throw GraphError(
        .unsupportedOpset, "Scan of opset 8 with lengths of its own for each sequence is not supported")
    }
    var attributes = node.attributes
    if let directions = try node.takeInts("directions") {
      attributes["directions"] = nil
      attributes["scan_input_directions"] = .ints(directions)
    }
    var step = Graph(name: "batch")
    let items = node.inputs.dropFirst().indices.map { step.addInput("item\($0)", nil) }
    let captured = body.captures.map { capture in
      Subgraph.Capture(outer: capture.outer, inner: step.addValue(body.graph[capture.inner].name))
    }
    attributes["body"] = .graph(
      Subgraph(
        graph: body.graph,
        captures: zip(captured, body.captures).map { .init(outer: $0.inner, inner: $1.inner) }))
    let results = body.graph.outputs.map { step.addValue(body.graph[$0].name) }
    step.addNode("Scan", name: node.name, inputs: items, outputs: results, attributes: attributes)
    for result in results { step.addOutput(result) }
    node.attributes = [
      "body": .graph(Subgraph(graph: step, captures: captured)), "num_scan_inputs": .int(items.count),
    ]
    node.inputs.removeFirst()
  }
}
