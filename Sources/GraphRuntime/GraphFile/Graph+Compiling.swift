extension Graph {
  /// The graph with its weights packed as its kernels want them, to be written to a `.graph`.
  ///
  /// Which form a kernel wants may depend on the shapes: inputs of open shape are taken at a nominal size where `shapes`
  /// does not give one, `batch` pictures at once. Other shapes are served too; what they want in another form is then packed when they come.
  /// - Throws: `GraphError` where a node can't run.
  public func compiled(for shapes: [String: [Int]] = [:], batch: Int = 1) throws -> Graph {
    var options = Session.Options()
    options.optimization = .none
    options.threads = 1
    let session = try Session(self, options: options)
    var extents = shapes
    for input in session.inputs where extents[input.name] == nil {
      guard let shape = input.type?.tensor?.shape else { continue }
      extents[input.name] = shape.nominal(batch: batch)
    }
    // A nominal size that the graph does not admit costs packing later, nothing else.
    if (try? session.plan(for: extents)) == nil, !shapes.isEmpty { _ = try session.plan(for: extents) }
    var compiled = session.compiledGraph
    compiled.passReports = passReports
    return compiled
  }
}
