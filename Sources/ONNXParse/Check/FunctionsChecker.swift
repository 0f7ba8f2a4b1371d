/// Checks a model's functions: each by itself, and that none calls itself, however many calls away.
struct FunctionsChecker {
  private let functions: [FunctionProto]
  private let context: CheckContext

  /// Calls inside calls; what the onnx package's checker allows.
  private static let depthLimit = 100

  init(_ model: Model, _ context: CheckContext) {
    functions = model.functions
    self.context = context
  }

  func check() throws {
    var indices: [FunctionID: Int] = [:]
    for (index, function) in functions.enumerated() {
      try located(function.label(index)) {
        guard indices.updateValue(index, forKey: FunctionID(function)) == nil else {
          throw ONNXError(.function, "two functions have the same domain, name and overload")
        }
        try check(function)
      }
    }
    try checkCalls(indices)
  }

  private func check(_ function: FunctionProto) throws {
    guard !function.name.isEmpty else { throw ONNXError(.function, "the function has no name") }
    try checkUnique(function.inputs, "the function", "input", .function)
    try checkUnique(function.outputs, "the function", "output", .function)
    let attributes = function.attributes + function.attributeDefaults.map(\.name)
    try checkUnique(attributes, "the function", "attribute", .function)
    var inner = context
    inner.domains = try checkImports(function.opsetImports)
    for attribute in function.attributeDefaults {
      try located("attribute \(attribute.name)") { try attribute.check(inner) }
    }
    inner.functionAttributes = Set(attributes)
    let scope = Scope()
    for input in function.inputs { scope.add(input) }
    try NodesChecker(function.nodes, inner).check(in: scope)
    for output in function.outputs where !scope.names.contains(output) {
      throw ONNXError(.function, "no node or input of the function makes its output '\(output)'")
    }
  }

  // MARK: Calls

  private enum Visit { case open, done }

  /// Follows every function's calls, without recursion: a file may chain as many functions as it likes.
  private func checkCalls(_ indices: [FunctionID: Int]) throws {
    let calls = functions.map { function in
      var called: Set<FunctionID> = []
      collectCalls(function.nodes, into: &called)
      return called.compactMap { indices[$0] }.sorted()
    }
    var visits = [Visit?](repeating: nil, count: functions.count)
    /// Calls that lie ahead of each function, itself included.
    var depths = [Int](repeating: 1, count: functions.count)
    for root in functions.indices where visits[root] == nil {
      var path: [(function: Int, nextCall: Int)] = [(root, 0)]
      visits[root] = .open
      while let (function, nextCall) = path.last {
        guard nextCall < calls[function].count else {
          visits[function] = .done
          depths[function] = 1 + (calls[function].map { depths[$0] }.max() ?? 0)
          guard depths[function] <= Self.depthLimit else {
            throw ONNXError(
              .function, "calls are nested more than \(Self.depthLimit) deep",
              path: [functions[function].label(function)])
          }
          path.removeLast()
          continue
        }
        path[path.count - 1].nextCall += 1
        let called = calls[function][nextCall]
        guard visits[called] != .open else {
          let cycle = path.map(\.function).drop { $0 != called } + [called]
          throw ONNXError(
            .function,
            "functions must not call themselves: \(cycle.map { functions[$0].name }.joined(separator: " calls "))"
          )
        }
        if visits[called] == nil {
          visits[called] = .open
          path.append((called, 0))
        }
      }
    }
  }

  private func collectCalls(_ nodes: [NodeProto], into calls: inout Set<FunctionID>) {
    for node in nodes {
      calls.insert(FunctionID(node))
      for attribute in node.attributes {
        for graph in attribute.value.graphs { collectCalls(graph.nodes, into: &calls) }
      }
    }
  }
}

/// What a call and its function agree in.
private struct FunctionID: Hashable {
  let domain: String
  let name: String
  let overload: String

  init(_ function: FunctionProto) {
    (domain, name, overload) = (canonicalDomain(function.domain), function.name, function.overload)
  }

  init(_ node: NodeProto) {
    (domain, name, overload) = (canonicalDomain(node.domain), node.opType, node.overload)
  }
}

extension FunctionProto {
  fileprivate func label(_ index: Int) -> String {
    "function[\(index)] \(domain.isEmpty ? "" : domain + ".")\(name)"
  }
}
