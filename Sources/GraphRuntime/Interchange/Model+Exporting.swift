import ONNXParse

extension Model {
  /// The standard ONNX model of a graph, in the lowest opset (from 18 on) that gives its nodes their meaning.
  ///
  /// Symbols of shapes become `dim_param`s, the metadata `metadata_props`; weights are not copied.
  /// - Throws: `GraphError` where the graph holds operators of the runtime's own that have no ONNX form.
  public init(exporting graph: Graph) throws {
    let graph = try graph.expandingInternalOperators().preparedForExport()
    let exporter = GraphExporter()
    let proto = try exporter.export(graph)
    let opset = ExportOpset.needed(by: graph)
    var imports = [OperatorSetID(domain: "", version: Int64(opset))]
    for domain in exporter.domains.sorted() {
      imports.append(OperatorSetID(domain: domain, version: Int64(graph.opsets[domain] ?? 1)))
    }
    self.init(
      irVersion: ExportOpset.irVersion(of: opset), opsetImports: imports, producerName: "csn", graph: proto,
      metadata: graph.metadata.sorted { $0.key < $1.key }.map {
        StringStringEntry(key: $0.key, value: $0.value)
      })
  }
}

extension Graph {
  /// The graph with the types of its values and its subgraphs', as far as they can be found: a graph that can't run
  /// here may still be written.
  fileprivate func preparedForExport() throws -> Graph {
    let graph = try expandingInternalOperators()
    try graph.validate()
    let walk = InferenceWalk(registry: .standard, opsets: opsets, binding: SymbolBinding(of: graph))
    return walk.infer(graph, given: Knowledge()).graph
  }
}

/// Writes a graph and its subgraphs down with names that are unique in all of them.
private final class GraphExporter {
  /// The domains of the operators met, ONNX's own left out.
  private(set) var domains: Set<String> = []
  private var valueNames = UniqueNames()
  private var nodeNames = UniqueNames()

  /// The message for the model's graph, or for a subgraph where `captured` names what it reads from around it.
  func export(_ graph: Graph, captured: [Value.ID: String]? = nil) throws -> GraphProto {
    var names = captured ?? [:]
    // What the interface promises is named first.
    for id in graph.inputs + graph.outputs where names[id] == nil {
      names[id] = unique(graph[id].name, in: &valueNames)
    }
    for id in graph.values.keys.sorted() where names[id] == nil {
      names[id] = unique(graph[id].name, in: &valueNames)
    }
    var proto = GraphProto(name: graph.name.isEmpty ? "graph" : graph.name)
    proto.inputs = graph.inputs.map { info($0, of: graph, names) }
    for (id, tensor) in graph.initializers.sorted(by: { $0.key < $1.key }) {
      proto.initializers.append(TensorProto(tensor, name: names[id] ?? ""))
    }
    for node in graph.nodes { proto.nodes.append(try export(node, names)) }
    var shown: Set<Value.ID> = []
    for id in graph.outputs {
      var output = info(id, of: graph, names)
      // Each output needs a name of its own, and a subgraph's must be made inside it.
      if !shown.insert(id).inserted || captured?[id] != nil {
        let copy = unique(output.name, in: &valueNames)
        proto.nodes.append(
          NodeProto(
            opType: OperatorName.identity.type, inputs: [output.name], outputs: [copy],
            name: unique(copy, in: &nodeNames)))
        output.name = copy
      }
      proto.outputs.append(output)
    }
    return proto
  }

  private func info(_ id: Value.ID, of graph: Graph, _ names: [Value.ID: String]) -> ValueInfoProto {
    ValueInfoProto(name: names[id] ?? "", type: graph[id].type.map(TypeProto.init))
  }

  private func export(_ node: Node, _ names: [Value.ID: String]) throws -> NodeProto {
    guard node.op.domain != OperatorName.internalDomain else {
      throw GraphError(.unsupportedOperator, "the operator has no ONNX form").inside(node)
    }
    if !node.op.domain.isEmpty { domains.insert(node.op.domain) }
    return NodeProto(
      opType: node.op.type, inputs: node.inputs.map { $0.flatMap { names[$0] } ?? "" },
      outputs: node.outputs.map { $0.flatMap { names[$0] } ?? "" },
      name: unique(node.name.isEmpty ? node.op.type : node.name, in: &nodeNames), domain: node.op.domain,
      attributes: try node.attributes.sorted { $0.key < $1.key }
        .map { AttributeProto($0.key, try export($0.value, names)) })
  }

  private func export(_ attribute: Attribute, _ names: [Value.ID: String]) throws -> AttributeProto.Value {
    func body(_ subgraph: Subgraph) throws -> GraphProto {
      var captured: [Value.ID: String] = [:]
      for capture in subgraph.captures { captured[capture.inner] = names[capture.outer] }
      return try export(subgraph.graph, captured: captured)
    }
    return switch attribute {
    case .int(let number): .int(Int64(number))
    case .ints(let numbers): .ints(numbers.map(Int64.init))
    case .float(let number): .float(number)
    case .floats(let numbers): .floats(numbers)
    case .string(let text): .text(text)
    case .strings(let texts): .texts(texts)
    case .tensor(let tensor): .tensor(TensorProto(tensor))
    case .tensors(let tensors): .tensors(tensors.map { TensorProto($0) })
    case .graph(let subgraph): .graph(try body(subgraph))
    case .graphs(let subgraphs): .graphs(try subgraphs.map(body))
    case .type(let type): .type(TypeProto(type))
    case .types(let types): .types(types.map(TypeProto.init))
    }
  }

  private func unique(_ name: String, in names: inout UniqueNames) -> String {
    names.claim(name.isEmpty ? "value" : name)
  }
}

/// Names given out so far.
private struct UniqueNames {
  private var taken: Set<String> = []
  /// Where the search for a free number starts, so that a thousand equal names take a thousand steps.
  private var nextNumber: [String: Int] = [:]

  /// `name`, or `name` with the first free number appended.
  mutating func claim(_ name: String) -> String {
    if taken.insert(name).inserted { return name }
    var number = nextNumber[name] ?? 2
    while !taken.insert("\(name)_\(number)").inserted { number += 1 }
    nextNumber[name] = number + 1
    return "\(name)_\(number)"
  }
}
