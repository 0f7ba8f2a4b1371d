import ONNXParse

/// Reads the graphs, nodes and functions of one model into graphs.
final class GraphImporter {
  let functions: [FunctionKey: FunctionProto]
  let irVersion: Int64
  private let registry: OperatorRegistry
  private let walk: InferenceWalk
  private var nodeCount = 0

  /// Functions inlined, calls of calls can multiply without end.
  private let maximumNodeCount: Int

  init(
    functions: [FunctionProto], registry: OperatorRegistry, irVersion: Int64, maximumNodeCount: Int
  ) throws {
    self.maximumNodeCount = maximumNodeCount
    var table: [FunctionKey: FunctionProto] = [:]
    for function in functions {
      guard table.updateValue(function, forKey: FunctionKey(function)) == nil else {
        throw GraphError(
          .invalidGraph, "function '\(function.name)' of domain '\(function.domain)' is there twice")
      }
    }
    self.functions = table
    self.irVersion = irVersion
    self.registry = registry
    walk = InferenceWalk(registry: registry, opsets: [:], binding: SymbolBinding(of: Graph()))
  }

  // MARK: - Graphs

  /// Reads a graph into `names.scope`.
  func importGraph(_ proto: GraphProto, into names: ImportNames, _ environment: ImportEnvironment) throws {
    let scope = names.scope
    let constants = try importInitializers(of: proto, into: names)
    for input in proto.inputs where !constants.contains(input.name) {
      guard !input.name.isEmpty else { throw GraphError(.invalidGraph, "a graph input has no name") }
      let type = try valueType(of: input)
      let id = scope.graph.addInput(input.name, type)
      scope.knowledge.types[id] = type
      try names.define(input.name, id)
    }
    let nodes = try NodeOrder.sorted(proto.nodes)
    // Every name of the model is taken before any name is made up.
    try declareOutputs(of: nodes, in: names, prefix: "")
    try declareTypes(proto.valueInfo + proto.outputs, in: names)
    for node in nodes { try importNode(node, names, environment) }
    for output in proto.outputs {
      guard let id = try names.value(of: output.name) else {
        throw GraphError(.invalidGraph, "a graph output has no name")
      }
      if scope.graph[id].type == nil { scope.graph[id].type = try valueType(of: output) }
      scope.graph.addOutput(id)
    }
  }

  /// Reads the initializers; returns their names.
  private func importInitializers(of proto: GraphProto, into names: ImportNames) throws -> Set<String> {
    var constants: Set<String> = []
    func define(_ name: String, _ tensor: () throws -> Tensor) throws {
      guard !name.isEmpty else { throw GraphError(.invalidGraph, "an initializer has no name") }
      do {
        let id = names.scope.graph.addValue(name)
        names.scope.define(id, as: try tensor())
        try names.define(name, id)
        constants.insert(name)
      } catch let error as GraphError {
        throw error.inside("initializer '\(name)'")
      }
    }
    for initializer in proto.initializers { try define(initializer.name) { try Tensor(initializer) } }
    for sparse in proto.sparseInitializers { try define(sparse.values?.name ?? "") { try Tensor(sparse) } }
    return constants
  }

  /// Makes the values that the nodes will make, under their own names.
  func declareOutputs(of nodes: [NodeProto], in names: ImportNames, prefix: String) throws {
    for node in nodes {
      for output in node.outputs where !output.isEmpty && !(prefix.isEmpty == false && names.defines(output))
      {
        do {
          try names.define(output, names.scope.graph.addValue(prefix + output))
        } catch let error as GraphError {
          throw error.inside(node.label)
        }
      }
    }
  }

  /// Notes the types that the model states for what nodes make.
  private func declareTypes(_ infos: [ValueInfoProto], in names: ImportNames) throws {
    for info in infos where names.defines(info.name) {
      guard let id = try names.value(of: info.name), names.scope.graph[id].type == nil else { continue }
      names.scope.graph[id].type = try valueType(of: info)
    }
  }

  private func valueType(of info: ValueInfoProto) throws -> ValueType? {
    do {
      return try info.type.flatMap { try ValueType($0) }
    } catch let error as GraphError {
      throw error.inside("value '\(info.name)'")
    }
  }

  // MARK: - Nodes

  /// Reads a node: a call of a function is inlined, a constant becomes an initializer, an older opset's meaning the
  /// newest one's.
  func importNode(_ proto: NodeProto, _ names: ImportNames, _ environment: ImportEnvironment) throws {
    do {
      nodeCount += 1
      guard nodeCount <= maximumNodeCount else {
        throw GraphError(
          .limitExceeded, "the model has more than \(maximumNodeCount) nodes, functions inlined")
      }
      let attributes = try importAttributes(of: proto, names, environment)
      if let function = functions[FunctionKey(calledBy: proto)] {
        try inline(function, calledBy: proto, attributes: attributes, names, environment)
        return
      }
      let op = OperatorName(proto.opType, domain: proto.domain)
      var upgrade = NodeUpgrade(
        op,
        name: environment.prefix
          + (proto.name.isEmpty ? proto.outputs.first { !$0.isEmpty } ?? "" : proto.name),
        inputs: try proto.inputs.map(names.value(of:)), outputs: try proto.outputs.map(names.value(of:)),
        attributes: attributes, scope: names.scope,
        learn: { [walk] node in
          walk.learn(node, of: names.scope.graph, &names.scope.knowledge)
        })
      try OpsetUpgrade.apply(to: &upgrade, opset: try environment.opset(of: op.domain))
      try FunctionExpansion.apply(to: &upgrade, registry: registry)
      upgrade.finish()
    } catch let error as GraphError {
      throw error.inside(proto.label)
    }
  }

  private func importAttributes(
    of proto: NodeProto, _ names: ImportNames, _ environment: ImportEnvironment
  ) throws -> [String: Attribute] {
    var attributes: [String: Attribute] = [:]
    for attribute in proto.attributes {
      guard let value = try importAttribute(attribute, names, environment) else { continue }
      guard attributes.updateValue(value, forKey: attribute.name) == nil else {
        throw GraphError(.invalidAttribute, "attribute '\(attribute.name)' is there twice")
      }
    }
    return attributes
  }

  /// The value of an attribute; nil where it refers to one that the function's caller leaves out.
  func importAttribute(
    _ proto: AttributeProto, _ names: ImportNames, _ environment: ImportEnvironment
  ) throws -> Attribute? {
    guard proto.refAttrName.isEmpty else {
      guard let arguments = environment.arguments else {
        throw GraphError(
          .invalidAttribute,
          "attribute '\(proto.name)' refers to '\(proto.refAttrName)', but not inside a function")
      }
      let argument = arguments[proto.refAttrName]
      let captures = argument?.subgraphs.flatMap(\.captures) ?? []
      guard captures.isEmpty || environment.argumentDepth == names.scope.depth else {
        throw GraphError(
          .invalidAttribute,
          "the graph in attribute '\(proto.refAttrName)' reads values that can't be seen here")
      }
      return argument
    }
    do {
      return try Attribute(proto) { try self.importSubgraph($0, names, environment) }
    } catch let error as GraphError {
      throw error.inside("attribute '\(proto.name)'")
    }
  }

  private func importSubgraph(
    _ proto: GraphProto, _ names: ImportNames, _ environment: ImportEnvironment
  ) throws -> Subgraph {
    // Inlined functions may nest subgraphs deeper than the file does.
    guard names.scope.depth < Subgraph.deepestNesting else {
      throw GraphError(.limitExceeded, "subgraphs are nested more than \(Subgraph.deepestNesting) deep")
    }
    let scope = ImportScope(name: proto.name, parent: names.scope)
    try importGraph(proto, into: ImportNames(scope: scope, parent: names), environment)
    return Subgraph(graph: scope.graph, captures: scope.captures)
  }
}

extension Attribute {
  /// The value of an attribute message; nil where it holds none. Strings must be UTF-8; sparse tensors become dense.
  init?(_ proto: AttributeProto, importSubgraph: (GraphProto) throws -> Subgraph) throws {
    func text(_ bytes: [UInt8]) throws -> String {
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw GraphError(.invalidAttribute, "the text is not UTF-8")
      }
      return text
    }
    switch proto.value {
    case .none:
      // Some writers leave out a value that is zero or empty; the stated kind tells what it was.
      switch proto.type {
      case .int: self = .int(0)
      case .float: self = .float(0)
      case .string: self = .string("")
      default: return nil
      }
    case .float(let number): self = .float(number)
    case .int(let number): self = .int(Int(number))
    case .string(let bytes): self = .string(try text(bytes))
    case .tensor(let proto): self = .tensor(try Tensor(proto))
    case .graph(let proto): self = .graph(try importSubgraph(proto))
    case .sparseTensor(let proto): self = .tensor(try Tensor(proto))
    case .type(let proto):
      guard let type = try ValueType(proto) else {
        throw GraphError(.unsupportedType, "a type is stated that no value here can have")
      }
      self = .type(type)
    case .floats(let numbers): self = .floats(numbers)
    case .ints(let numbers): self = .ints(numbers.map { Int($0) })
    case .strings(let texts): self = .strings(try texts.map(text))
    case .tensors(let protos): self = .tensors(try protos.map { try Tensor($0) })
    case .graphs(let protos): self = .graphs(try protos.map(importSubgraph))
    case .sparseTensors(let protos): self = .tensors(try protos.map { try Tensor($0) })
    case .types(let protos): self = .types(try protos.compactMap { try ValueType($0) })
    }
  }
}
