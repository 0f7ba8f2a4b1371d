import ONNXParse

extension Graph {
  /// The graph of a model: operators in the newest opset's meaning, constants as initializers, functions inlined.
  ///
  /// Mirrors the standard: an operator that the runtime lacks is no error here, only where the graph is to run.
  /// Weights stay where the model holds them. An initializer that is also listed as an input (as models before IR
  /// version 4 list all) is a constant, not an input.
  /// - Throws: `GraphError` that names the node and the value, for a model that the standard doesn't allow.
  public init(importing model: Model) throws {
    try self.init(importing: model, registry: .standard)
  }

  /// - Parameter maximumNodeCount: more nodes than any real model has, functions inlined.
  init(importing model: Model, registry: OperatorRegistry, maximumNodeCount: Int = 1_000_000) throws {
    guard let proto = model.graph else { throw GraphError(.invalidGraph, "the model holds no graph") }
    let environment = try ImportEnvironment(model.opsetImports, irVersion: model.irVersion)
    let importer = try GraphImporter(
      functions: model.functions, registry: registry, irVersion: model.irVersion,
      maximumNodeCount: maximumNodeCount)
    let scope = ImportScope(name: proto.name, parent: nil)
    try importer.importGraph(proto, into: ImportNames(scope: scope), environment)
    self = scope.graph
    opsets = environment.opsets
    for entry in model.metadata { metadata[entry.key] = entry.value }
    try validate()
  }
}
