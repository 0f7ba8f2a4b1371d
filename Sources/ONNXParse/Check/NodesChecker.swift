/// Checks the nodes of a graph or function in their order.
struct NodesChecker {
  private let nodes: [NodeProto]
  private let context: CheckContext

  init(_ nodes: [NodeProto], _ context: CheckContext) {
    self.nodes = nodes
    self.context = context
  }

  /// Checks the nodes; what they make goes to `scope`.
  func check(in scope: Scope) throws {
    for (index, node) in nodes.enumerated() {
      try located(node.label(index)) {
        for input in node.inputs where !input.isEmpty && !scope.sees(input) {
          throw unknown(input, readBy: index)
        }
        try check(node, scope)
        for output in node.outputs where !output.isEmpty {
          guard !scope.sees(output) else {
            throw ONNXError(
              .graph, "output '\(output)' has a name that is taken already; each value is made once")
          }
          scope.add(output)
        }
      }
    }
  }

  private func check(_ node: NodeProto, _ scope: Scope) throws {
    guard !node.opType.isEmpty else { throw ONNXError(.field, "the node has no op_type") }
    guard !node.inputs.isEmpty || !node.outputs.isEmpty else {
      throw ONNXError(.graph, "the node has neither inputs nor outputs")
    }
    guard context.imports(node.domain) else {
      throw ONNXError(.graph, "the operator's domain '\(node.domain)' is not among the opset_imports; add it")
    }
    try checkUnique(node.attributes.map(\.name), "the node", "attribute", .attribute)
    for attribute in node.attributes {
      try located("attribute \(attribute.name)") {
        try attribute.check(context)
        for graph in attribute.value.graphs {
          try GraphChecker(graph, context).check(in: Scope(inside: scope))
        }
      }
    }
  }

  // MARK: Names that are not known yet

  /// Why node `reader` can't read `name`: nobody makes it, somebody later, or somebody who waits for the reader.
  private func unknown(_ name: String, readBy reader: Int) -> ONNXError {
    var makers: [String: Int] = [:]
    for (index, node) in nodes.enumerated() { for output in node.outputs { makers[output] = index } }
    guard let maker = makers[name] else {
      return ONNXError(
        .graph, "input '\(name)' is made by no node, input or initializer that can be seen here")
    }
    let label = nodes[maker].label(maker)
    if depends(maker, on: reader, makers) {
      return ONNXError(
        .graph, "the graph has a cycle: input '\(name)' is made by \(label), which needs this node")
    }
    return ONNXError(.graph, "input '\(name)' is made later, by \(label); sort the nodes topologically")
  }

  /// Whether `node` reads, through others, what `other` makes.
  private func depends(_ node: Int, on other: Int, _ makers: [String: Int]) -> Bool {
    var seen: Set<Int> = [node]
    var waiting = [node]
    while let next = waiting.popLast() {
      if next == other { return true }
      for input in nodes[next].inputs {
        if let maker = makers[input], seen.insert(maker).inserted { waiting.append(maker) }
      }
    }
    return false
  }
}

extension NodeProto {
  /// How errors name the node: `node[3] conv1 (Conv)`.
  func label(_ index: Int) -> String { "node[\(index)] \(name.isEmpty ? "" : name + " ")(\(opType))" }
}

extension AttributeProto {
  /// Checks that the attribute's type and value agree, and what the value holds; graphs are the caller's.
  func check(_ context: CheckContext) throws {
    guard !name.isEmpty else { throw ONNXError(.attribute, "the attribute has no name") }
    guard type != .undefined || context.irVersion < 2 else {
      throw ONNXError(
        .attribute, "the attribute states no type; IR version \(context.irVersion) asks for one")
    }
    guard refAttrName.isEmpty else { return try checkReference(context) }
    guard value != .none else { throw ONNXError(.attribute, "the attribute has no value") }
    guard type == .undefined || type == value.kind else {
      throw ONNXError(.attribute, "the attribute states type \(type), but holds \(value.kind)")
    }
    switch value {
    case .tensor(let tensor): try tensor.check(context)
    case .tensors(let tensors): for tensor in tensors { try tensor.check(context) }
    case .sparseTensor(let tensor): try tensor.check(context)
    case .sparseTensors(let tensors): for tensor in tensors { try tensor.check(context) }
    case .type(let type): try type.check()
    case .types(let types): for type in types { try type.check() }
    default: break
    }
  }

  private func checkReference(_ context: CheckContext) throws {
    guard let attributes = context.functionAttributes else {
      throw ONNXError(
        .attribute, "the attribute refers to '\(refAttrName)', which only a function's node may do")
    }
    guard attributes.contains(refAttrName) else {
      throw ONNXError(
        .attribute, "the attribute refers to '\(refAttrName)', which the function does not have")
    }
    guard value == .none else {
      throw ONNXError(
        .attribute, "the attribute has a value and refers to '\(refAttrName)'; keep one of them")
    }
  }
}
