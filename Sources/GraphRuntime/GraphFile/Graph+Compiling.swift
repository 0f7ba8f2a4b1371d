extension Graph {
  /// Extents that stand for unknown ones of an input when nothing better is said: one image, of the size that
  /// classifiers take.
  private static let nominalExtents = [1, 3, 224, 224]

  /// The graph with its weights packed as its kernels want them, to be written to a `.graph`.
  ///
  /// Which form a kernel wants may depend on the shapes: inputs of open shape are taken at a nominal size where `shapes`
  /// does not give one. Other shapes are served too; what they want in another form is then packed when they come.
  /// - Throws: `GraphError` where a node can't run.
  public func compiled(for shapes: [String: [Int]] = [:]) throws -> Graph {
    var options = Session.Options()
    options.optimization = .none
    options.threads = 1
    let session = try Session(self, options: options)
    var extents = shapes
    for input in session.inputs where extents[input.name] == nil {
      guard let shape = input.type?.tensor?.shape else { continue }
      extents[input.name] = shape.enumerated().map { axis, dimension in
        dimension.value ?? (shape.count == 4 ? Self.nominalExtents[axis] : 1)
      }
    }
    // A nominal size that the graph does not admit costs packing later, nothing else.
    if (try? session.plan(for: extents)) == nil, !shapes.isEmpty { _ = try session.plan(for: extents) }
    var compiled = session.compiledGraph
    compiled.passReports = passReports
    return compiled
  }
}
