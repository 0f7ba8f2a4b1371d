import ONNXParse

/// What the nodes of a graph or function body are read by: opsets, functions, the caller's attributes.
struct ImportEnvironment {
  /// The opset of each domain; ONNX's own domain is empty.
  let opsets: [String: Int]
  /// Put before the names of an inlined function's nodes and values.
  var prefix = ""
  /// Inside a function: the attributes its caller gives, and the depth of the scope they were read in; defaults included.
  var arguments: [String: Attribute]?
  var argumentDepth = 0
  /// The functions being inlined, outermost first.
  var calls: [FunctionKey] = []

  /// Calls inside calls; what checkers of ONNX models allow.
  static let deepestCalls = 100

  /// The newest opset whose meaning this version knows.
  static let newestOpset = 28

  /// - Throws: `GraphError` for opset numbers that don't exist.
  init(_ imports: [OperatorSetID], irVersion: Int64) throws {
    var opsets: [String: Int] = [:]
    for entry in imports {
      let domain = entry.domain == "ai.onnx" ? "" : entry.domain
      guard let version = Int(exactly: entry.version), version > 0 || !domain.isEmpty else {
        throw GraphError(.unsupportedOpset, "opset \(entry.version) of ONNX does not exist")
      }
      guard !domain.isEmpty || version <= Self.newestOpset else {
        throw GraphError(
          .unsupportedOpset,
          "opset \(version) is newer than \(Self.newestOpset), the newest this version knows")
      }
      opsets[domain] = max(version, opsets[domain] ?? version)
    }
    // Models of the first two IR versions import no operator sets: they mean the first.
    if irVersion < 3, opsets[""] == nil { opsets[""] = 1 }
    self.opsets = opsets
  }

  /// The opset that a node of `domain` is of.
  func opset(of domain: String) throws -> Int {
    guard let opset = opsets[domain] else {
      throw GraphError(.unsupportedOpset, "no opset is imported for the domain '\(domain)'")
    }
    return opset
  }
}

/// What a call of a model-local function names.
struct FunctionKey: Hashable {
  let domain: String
  let name: String
  let overload: String

  init(_ function: FunctionProto) {
    domain = function.domain == "ai.onnx" ? "" : function.domain
    name = function.name
    overload = function.overload
  }

  init(calledBy node: NodeProto) {
    domain = node.domain == "ai.onnx" ? "" : node.domain
    name = node.opType
    overload = node.overload
  }
}
