import ONNXParse

/// A graph under construction: the model's, or a subgraph's with the scope around it.
final class ImportScope {
  var graph: Graph
  /// Types and constants known so far, for upgrades that depend on a rank.
  var knowledge = Knowledge()
  private(set) var captures: [Subgraph.Capture] = []
  private var innerValues: [Value.ID: Value.ID] = [:]
  let parent: ImportScope?

  init(name: String, parent: ImportScope?) {
    graph = Graph(name: name)
    self.parent = parent
  }

  /// How many subgraphs this one is inside of.
  var depth: Int { parent.map { $0.depth + 1 } ?? 0 }

  /// The value that stands here for `outer`, a value of the scope around.
  func capture(_ outer: Value.ID, named name: String) -> Value.ID {
    if let inner = innerValues[outer] { return inner }
    let inner = graph.addValue(name)
    innerValues[outer] = inner
    captures.append(Subgraph.Capture(outer: outer, inner: inner))
    if let parent {
      knowledge.types[inner] = parent.knowledge.types[outer]
      knowledge.constants[inner] = parent.knowledge.constants[outer]
      knowledge.shapeValues[inner] = parent.knowledge.shapeValues[outer]
    }
    return inner
  }

  /// Makes `id` a constant.
  func define(_ id: Value.ID, as tensor: Tensor) {
    graph.initializers[id] = tensor
    graph[id].type = .tensor(tensor.type)
    knowledge.note(id, constant: tensor)
  }
}

/// What the names of a graph or of an inlined function's body stand for.
final class ImportNames {
  let scope: ImportScope
  /// The names around a subgraph; a function's body sees none but its own.
  private let parent: ImportNames?
  /// nil for a function's input that the caller leaves out.
  private var ids: [String: Value.ID?] = [:]

  init(scope: ImportScope, parent: ImportNames? = nil) {
    self.scope = scope
    self.parent = parent
  }

  /// Gives a name its value.
  /// - Throws: `GraphError` where the name has one already.
  func define(_ name: String, _ id: Value.ID?) throws {
    guard ids.updateValue(id, forKey: name) == nil else {
      throw GraphError(.invalidGraph, "'\(name)' is made twice")
    }
  }

  /// The value of a name; captured from around where it is not defined here.
  /// - Returns: nil for an empty name, and for a function's input that was left out.
  /// - Throws: `GraphError` where nothing makes the name.
  func value(of name: String) throws -> Value.ID? {
    if name.isEmpty { return nil }
    if let id = ids[name] { return id }
    guard let parent else { throw GraphError(.invalidGraph, "reads '\(name)', which nothing makes") }
    guard let outer = try parent.value(of: name) else { return nil }
    let inner = scope.capture(outer, named: name)
    ids[name] = inner
    return inner
  }

  /// Whether this graph or body itself defines the name.
  func defines(_ name: String) -> Bool { ids[name] != nil }
}
