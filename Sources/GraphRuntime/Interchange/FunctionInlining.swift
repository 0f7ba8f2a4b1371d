import ONNXParse

extension GraphImporter {
  /// Puts a function's body in the place of a call: its nodes and values get the call's name before their own.
  /// - Throws: `GraphError` for recursion, for arguments that don't fit, and for errors in the body.
  func inline(
    _ function: FunctionProto, calledBy node: NodeProto, attributes: [String: Attribute],
    _ caller: ImportNames,
    _ environment: ImportEnvironment
  ) throws {
    let key = FunctionKey(function)
    guard !environment.calls.contains(key) else {
      throw GraphError(.invalidGraph, "function '\(function.name)' calls itself")
    }
    guard environment.calls.count < ImportEnvironment.deepestCalls else {
      throw GraphError(.limitExceeded, "calls are nested more than \(ImportEnvironment.deepestCalls) deep")
    }
    guard node.inputs.count <= function.inputs.count, node.outputs.count <= function.outputs.count else {
      throw GraphError(
        .invalidGraph,
        "function '\(function.name)' has \(function.inputs.count) inputs and "
          + "\(function.outputs.count) outputs, but is called with \(node.inputs.count) and \(node.outputs.count)"
      )
    }
    let name = node.name.isEmpty ? node.outputs.first { !$0.isEmpty } ?? function.name : node.name
    let names = ImportNames(scope: caller.scope)
    var body = try ImportEnvironment(function.opsetImports, irVersion: irVersion)
    body.prefix = environment.prefix + name + "/"
    body.calls = environment.calls + [key]
    body.argumentDepth = caller.scope.depth
    body.arguments = try arguments(of: function, given: attributes, names, body)
    for (index, input) in function.inputs.enumerated() {
      try names.define(
        input, node.inputs.indices.contains(index) ? try caller.value(of: node.inputs[index]) : nil)
    }
    let copies = try bindOutputs(of: function, to: node, names, caller)
    let nodes = try NodeOrder.sorted(function.nodes)
    try declareOutputs(of: nodes, in: names, prefix: body.prefix)
    for node in nodes { try importNode(node, names, body) }
    for (output, id) in copies {
      guard let source = try names.value(of: output) else {
        throw GraphError(.invalidGraph, "output '\(output)' is an input that the call leaves out")
      }
      caller.scope.graph.addNode(.identity, name: body.prefix + output, inputs: [source], outputs: [id])
    }
  }

  /// What the function's attributes stand for: the call's, else the defaults.
  private func arguments(
    of function: FunctionProto, given: [String: Attribute], _ names: ImportNames,
    _ environment: ImportEnvironment
  ) throws -> [String: Attribute] {
    for name in function.attributes where given[name] == nil {
      throw GraphError(.invalidAttribute, "function '\(function.name)' needs the attribute '\(name)'")
    }
    var arguments = given
    for attribute in function.attributeDefaults where arguments[attribute.name] == nil {
      arguments[attribute.name] = try importAttribute(attribute, names, environment)
    }
    return arguments
  }

  /// Lets the body's nodes make the values the caller awaits.
  /// - Returns: the outputs that no node of the body makes for the first time, which have to be copied.
  private func bindOutputs(
    of function: FunctionProto, to node: NodeProto, _ names: ImportNames, _ caller: ImportNames
  ) throws -> [(String, Value.ID)] {
    var copies: [(String, Value.ID)] = []
    for (output, callerName) in zip(function.outputs, node.outputs) {
      guard let id = try caller.value(of: callerName) else { continue }
      if names.defines(output) {
        copies.append((output, id))
      } else {
        try names.define(output, id)
      }
    }
    return copies
  }
}
