extension Model {
  /// Checks the model against the standard's structural rules: versions, names, single assignment, order, scopes,
  /// attributes, tensors, external data and functions. What an operator asks of its inputs is not looked at.
  ///
  /// Two rules of the onnx package's checker are left out, because models in use break them and nothing depends on
  /// them: that the main graph's inputs and outputs state a rank, and that an older reader refuses a newer IR version.
  /// - Throws: `ONNXError` for the first rule that is broken.
  public func check() throws {
    guard irVersion > 0 else {
      throw ONNXError(.field, "the model states no ir_version; set it (the newest is 14)")
    }
    try checkUnique(metadata.map(\.key), "metadata_props", "key")
    let domains = try checkOpsets()
    guard let graph else { throw ONNXError(.field, "the model has no graph") }
    let context = CheckContext(irVersion: irVersion, domains: domains)
    let scope = Scope()
    try located("graph") { try GraphChecker(graph, context, isMain: true).check(in: scope) }
    try FunctionsChecker(self, context).check()
    for (index, training) in trainingInfo.enumerated() {
      try located("training_info[\(index)]") { try training.check(context, main: scope) }
    }
  }

  /// The domains whose operators the model may use.
  private func checkOpsets() throws -> Set<String> {
    if irVersion < 3 {
      guard opsetImports.isEmpty else {
        throw ONNXError(
          .field, "a model of IR version \(irVersion) has no opset_import; raise ir_version to 3 or more")
      }
      return [""]
    }
    guard !opsetImports.isEmpty else {
      throw ONNXError(.field, "the model imports no operator set; add an opset_import")
    }
    return try checkImports(opsetImports)
  }
}

extension TrainingInfoProto {
  /// The training graphs may read what the main graph holds.
  fileprivate func check(_ context: CheckContext, main: Scope) throws {
    if let initialization {
      try located("initialization") {
        try GraphChecker(initialization, context).check(in: Scope(inside: main))
      }
    }
    if let algorithm {
      // The algorithm also sees what the initialization gives values to, under the names of the main graph.
      try located("algorithm") { try GraphChecker(algorithm, context).check(in: Scope(inside: main)) }
    }
  }
}

/// What holds for a whole model or function while it is checked.
struct CheckContext {
  let irVersion: Int64
  /// The domains imported, the standard's own as "".
  var domains: Set<String>
  /// Inside a function: the attributes that nodes may refer to.
  var functionAttributes: Set<String>?
  let checksums = ChecksumCache()

  func imports(_ domain: String) -> Bool { domains.contains(canonicalDomain(domain)) }
}

/// The names of values that can be seen at a place.
final class Scope {
  private(set) var names: Set<String> = []
  private let outer: Scope?

  init(inside outer: Scope? = nil) { self.outer = outer }

  /// Whether the name is known here or further out.
  func sees(_ name: String) -> Bool { names.contains(name) || outer?.sees(name) ?? false }

  /// Adds a name; false where this very scope has it already.
  @discardableResult
  func add(_ name: String) -> Bool { names.insert(name).inserted }
}

/// The standard's own domain has two spellings.
func canonicalDomain(_ domain: String) -> String { domain == "ai.onnx" ? "" : domain }

/// The domains of `imports`, each with one version.
func checkImports(_ imports: [OperatorSetID]) throws -> Set<String> {
  var versions: [String: Int64] = [:]
  for opset in imports {
    guard opset.version > 0 else {
      throw ONNXError(.field, "opset_import has version \(opset.version) for domain '\(opset.domain)'")
    }
    // Some converters name the standard's domain under both spellings, which does no harm while they agree.
    if let other = versions.updateValue(opset.version, forKey: canonicalDomain(opset.domain)),
      other != opset.version
    {
      throw ONNXError(
        .field,
        "opset_import has versions \(other) and \(opset.version) for domain '\(opset.domain)'; keep one")
    }
  }
  return Set(versions.keys)
}

/// Fails where a name stands twice.
func checkUnique(_ names: [String], _ field: String, _ what: String, _ category: ONNXError.Category = .field)
  throws
{
  var seen: Set<String> = []
  for name in names where !seen.insert(name).inserted {
    throw ONNXError(category, "\(field) has \(what) '\(name)' twice; names must be unique")
  }
}

/// Runs `body`; `place` goes ahead of the path of an error in it.
func located<Result>(_ place: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as ONNXError {
    throw error.inside(place())
  }
}
