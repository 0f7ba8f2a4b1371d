import ONNXParse

extension Graph {
  /// Opens a model file, ONNX or `.graph`, told apart by content.
  /// - Throws: `FileError`, `ONNXError` or `GraphError` where the file can't be opened, is damaged, or can't be imported.
  public init(contentsOf path: String) throws {
    let file = try ByteRegion(contentsOf: path)
    if GraphFile.isGraphFile(file) {
      self = try GraphFile.read(file, at: path)
    } else {
      self = try Graph(importing: Model(contentsOf: path))
    }
  }

  /// Checks the links of the graph and of the graphs inside its nodes.
  func validateDeeply() throws {
    try validate()
    for node in nodes {
      for subgraph in node.attributes.values.flatMap(\.subgraphs) {
        var body = subgraph.graph
        // Captured values are given from outside: for the check they are inputs like any other.
        body.inputs = Array(Set(body.inputs + subgraph.captures.map(\.inner)))
        do {
          try body.validateDeeply()
        } catch let error as GraphError {
          throw error.inside(node)
        }
      }
    }
  }
}
