import CSNGraphs
import GraphRuntime
import ONNXParse

/// A model file, opened and made ready to run.
struct LoadedModel {
  let path: String
  /// The graph as the file holds it.
  let graph: Graph
  let session: Session
  /// How long opening, checking and optimising took.
  let loadTime: Duration

  /// Opens `.onnx` and `.graph` files, told apart by their content.
  /// - Throws: `FileError`, `ONNXError` or `GraphError` where the model can't be read or can't run, `CommandLineError` where
  ///   not as `settings` say.
  init(_ path: String, _ settings: RunSettings = RunSettings()) throws {
    let clock = ContinuousClock()
    let start = clock.now
    let (graph, session) = try Progress.show("loading \(path)") { _ in
      let graph = try Graph(contentsOf: path)
      try settings.precision.check(graph, path)
      return (graph, try Session(graph, options: settings.session))
    }
    self.path = path
    self.graph = graph
    self.session = session
    loadTime = clock.now - start
  }

  var inputs: [Session.Port] { session.requiredInputs }
}

extension Session {
  /// The inputs that a run must give: those without a constant of their own.
  var requiredInputs: [Port] {
    let constant = Set(graph.initializers.keys.map { graph[$0].name })
    return inputs.filter { !constant.contains($0.name) }
  }
}
