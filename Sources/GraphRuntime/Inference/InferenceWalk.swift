import ONNXParse

/// One walk over a graph and its subgraphs that asks every operator's rule and gathers what can't run.
///
/// A class, because a rule may call back for the subgraphs of its node while the walk is under way.
final class InferenceWalk {
  private let registry: OperatorRegistry
  private let opsets: [String: Int]
  private let binding: SymbolBinding
  /// Whether declared types complete what rules know of a node's outputs.
  private let trustsDeclarations: Bool
  /// Nodes that may still be visited; see `budget`.
  private var visitsLeft = 0
  /// Labels of the nodes around the subgraph at hand.
  private var path: [String] = []
  private(set) var errors: [GraphError] = []
  private var reported: Set<GraphError> = []

  init(
    registry: OperatorRegistry, opsets: [String: Int], binding: SymbolBinding, trustsDeclarations: Bool = true
  ) {
    self.registry = registry
    self.opsets = opsets
    self.binding = binding
    self.trustsDeclarations = trustsDeclarations
  }

  /// Infers the types of a graph from what is given about its inputs and captures.
  func infer(_ graph: Graph, given: Knowledge) -> (graph: Graph, knowledge: Knowledge) {
    visitsLeft = Self.budget(for: graph.nodes)
    return walk(graph, given: given)
  }

  /// How many nodes a walk over `nodes` may visit: a rule may look at a subgraph several times, and loops in loops would
  /// multiply that.
  private static func budget(for nodes: [Node]) -> Int {
    func count(_ nodes: [Node]) -> Int {
      nodes.reduce(nodes.count) { sum, node in
        node.attributes.values.reduce(sum) { $0 + $1.subgraphs.reduce(0) { $0 + count($1.graph.nodes) } }
      }
    }
    return 10_000 + 16 * count(nodes)
  }

  private func walk(_ graph: Graph, given: Knowledge) -> (graph: Graph, knowledge: Knowledge) {
    var graph = graph
    var knowledge = given
    for (id, tensor) in graph.initializers { knowledge.note(id, constant: tensor) }
    for id in graph.inputs { adoptInput(id, of: graph, into: &knowledge) }
    for index in graph.nodes.indices { visit(index, of: &graph, &knowledge) }
    for id in graph.values.keys {
      if let type = knowledge.types[id] {
        graph[id].type = type
      } else if let type = graph[id].type {
        graph[id].type = binding.resolve(type)
      }
    }
    return (graph, knowledge)
  }

  /// Completes the type given for an input by the declared one.
  private func adoptInput(_ id: Value.ID, of graph: Graph, into knowledge: inout Knowledge) {
    guard let declared = graph[id].type.map(binding.resolve), !knowledge.tainted.contains(id) else { return }
    guard let given = knowledge.types[id] else {
      knowledge.types[id] = declared
      return
    }
    if let merged = given.merged(withDeclared: declared) {
      knowledge.types[id] = merged
    } else {
      report(
        GraphError(.shapeMismatch, "input '\(graph[id].name)' is declared as \(declared), but gets \(given)"))
      knowledge.tainted.insert(id)
    }
  }

  private func visit(_ index: Int, of graph: inout Graph, _ knowledge: inout Knowledge) {
    let node = graph.nodes[index]
    var bodies: [String: Graph] = [:]
    var outputs: [ValueType?]?
    var shapeValues: [[Dimension]?] = []
    do {
      try countVisit()
      let op = try supportedOperator(for: node)
      if !node.reads.contains(where: knowledge.tainted.contains) {
        let before = errors.count
        let inference = try apply(op, to: node, knowledge, bodies: &bodies)
        if errors.count == before {
          outputs = try declared(inference.outputTypes, of: node, in: graph)
          shapeValues = inference.outputShapeValues
        }
      }
    } catch let error as GraphError {
      report(explain(error, node, knowledge))
    } catch {
      report(explain(GraphError(.invalidGraph, "\(error)"), node, knowledge))
    }
    if visitsLeft > 0 { visitRemainingBodies(of: node, knowledge, bodies: &bodies) }
    for (name, body) in bodies {
      graph.nodes[index].attributes[name] = node.attributes[name]?.replacingGraph(body)
    }
    for (position, output) in node.outputs.enumerated() {
      guard let output else { continue }
      guard let outputs else {
        knowledge.tainted.insert(output)
        continue
      }
      knowledge.types[output] = outputs[position]
      if let dimensions = shapeValues[position] { knowledge.note(output, dimensions: dimensions) }
    }
  }

  private func countVisit() throws {
    visitsLeft -= 1
    guard visitsLeft > 0 else {
      throw GraphError(.limitExceeded, "control flow is nested so that its types take too long to find")
    }
  }

  /// Notes what the rule of one node says of its outputs, and nothing where it objects: for the importer, which adds
  /// nodes one by one.
  func learn(_ node: Node, of graph: Graph, _ knowledge: inout Knowledge) {
    defer { forgetErrors() }
    visitsLeft = Self.budget(for: [node])
    var bodies: [String: Graph] = [:]
    guard let op = try? supportedOperator(for: node),
      let inference = try? apply(op, to: node, knowledge, bodies: &bodies), errors.isEmpty
    else { return }
    let types = (try? declared(inference.outputTypes, of: node, in: graph)) ?? inference.outputTypes
    for (position, output) in node.outputs.enumerated() {
      guard let output else { continue }
      knowledge.types[output] = types[position]
      if let dimensions = inference.outputShapeValues[position] {
        knowledge.note(output, dimensions: dimensions)
      }
    }
  }

  /// The registry's entry for a node with as many inputs and outputs as it takes.
  private func supportedOperator(for node: Node) throws -> Operator {
    guard let op = registry[node.op] else {
      throw GraphError(.unsupportedOperator, "operator \(node.op) is not supported")
    }
    try op.checkArity(of: node)
    for index in 0..<op.inputs.lowerBound where node.inputs[index] == nil {
      throw GraphError(.invalidGraph, "\(node.op) lacks its input \(index)")
    }
    return op
  }

  private func apply(
    _ op: Operator, to node: Node, _ knowledge: Knowledge, bodies: inout [String: Graph]
  ) throws -> TypeInference {
    let visited = VisitedBodies()
    defer { bodies = visited.graphs }
    var inference = TypeInference(
      node: node, inputTypes: node.inputs.map { $0.flatMap { knowledge.types[$0] } },
      constants: node.inputs.map { $0.flatMap { knowledge.constants[$0] } },
      shapeValues: node.inputs.map { $0.flatMap { knowledge.shapeValues[$0] } },
      inferSubgraph: { name, inputs in
        let subgraph = try node.graph(name)
        let types = Dictionary(
          zip(subgraph.graph.inputs, inputs).compactMap { id, type in type.map { (id, $0) } },
          uniquingKeysWith: { first, _ in first })
        guard inputs.count == subgraph.graph.inputs.count else {
          throw GraphError(
            .invalidGraph,
            "'\(name)' has \(subgraph.graph.inputs.count) inputs, but gets \(inputs.count)")
        }
        let result = self.enter(node, subgraph, types: types, knowledge)
        visited.graphs[name] = result.graph
        return result.graph.outputs.map { result.knowledge.types[$0] }
      },
      outputTypes: Array(repeating: nil, count: node.outputs.count),
      outputShapeValues: Array(repeating: nil, count: node.outputs.count))
    try op.checkElementTypes(inference)
    try op.infer(&inference)
    return inference
  }

  /// Infers a subgraph from the given types of its inputs and from what is known of its captures.
  private func enter(
    _ node: Node, _ subgraph: Subgraph, types: [Value.ID: ValueType], _ outer: Knowledge,
    tainted: Bool = false
  ) -> (graph: Graph, knowledge: Knowledge) {
    var given = Knowledge(types: types)
    for capture in subgraph.captures {
      given.types[capture.inner] = outer.types[capture.outer]
      given.constants[capture.inner] = outer.constants[capture.outer]
      given.shapeValues[capture.inner] = outer.shapeValues[capture.outer]
      if tainted || outer.tainted.contains(capture.outer) { given.tainted.insert(capture.inner) }
    }
    if tainted { given.tainted.formUnion(subgraph.graph.inputs) }
    path.append(node.label)
    defer { path.removeLast() }
    return walk(subgraph.graph, given: given)
  }

  /// Looks for what can't run in the subgraphs that no rule asked about; their types stay as declared.
  private func visitRemainingBodies(of node: Node, _ knowledge: Knowledge, bodies: inout [String: Graph]) {
    for (name, attribute) in node.attributes.sorted(by: { $0.key < $1.key }) where bodies[name] == nil {
      for subgraph in attribute.subgraphs {
        _ = enter(node, subgraph, types: [:], knowledge, tainted: true)
      }
    }
  }

  /// The inferred output types, held against the declared ones and completed by them where these are trusted.
  private func declared(_ inferred: [ValueType?], of node: Node, in graph: Graph) throws -> [ValueType?] {
    try zip(inferred, node.outputs).map { inferred, output in
      guard let output, let declared = graph[output].type.map(binding.resolve) else { return inferred }
      guard let inferred else { return trustsDeclarations ? declared : declared.withoutShape }
      guard let merged = inferred.merged(withDeclared: declared) else {
        throw GraphError(
          .shapeMismatch, "makes '\(graph[output].name)' as \(inferred), but the model declares \(declared)")
      }
      return trustsDeclarations ? merged : inferred
    }
  }

  /// The error with the node's path, and with the opset and the input types it was met with.
  private func explain(_ error: GraphError, _ node: Node, _ knowledge: Knowledge) -> GraphError {
    let types = node.inputs.map { $0.map { knowledge.types[$0]?.description ?? "?" } ?? "none" }
    let opset = opsets[node.op.domain].map { "opset \($0); " } ?? ""
    let inputs = types.isEmpty ? "no inputs" : "inputs: \(types.joined(separator: ", "))"
    return GraphError(error.category, "\(error.message) (\(opset)\(inputs))", path: error.path).inside(node)
  }

  /// Gathers an error, once: a rule may look at a subgraph several times.
  private func report(_ error: GraphError) {
    var error = error
    for label in path.reversed() { error = error.inside(label) }
    if reported.insert(error).inserted { errors.append(error) }
  }

  private func forgetErrors() {
    errors.removeAll()
    reported.removeAll()
  }
}

/// The inferred subgraphs of one node, by attribute.
private final class VisitedBodies {
  var graphs: [String: Graph] = [:]
}

extension Attribute {
  /// The same subgraph attribute over another graph.
  fileprivate func replacingGraph(_ graph: Graph) -> Attribute {
    guard case .graph(let subgraph) = self else { return self }
    return .graph(Subgraph(graph: graph, captures: subgraph.captures))
  }
}
