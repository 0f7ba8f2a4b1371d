/// Typed access to a node's attributes, with ONNX's defaults at the place of use.
extension Node {
  func int(_ name: String, default value: Int) throws -> Int { try attribute(name, \.int, "an int") ?? value }
  func int(_ name: String) throws -> Int { try required(name, \.int, "an int") }
  func ints(_ name: String) throws -> [Int]? { try attribute(name, \.ints, "a list of ints") }
  func float(_ name: String, default value: Float) throws -> Float {
    try attribute(name, \.float, "a float") ?? value
  }
  func string(_ name: String, default value: String) throws -> String {
    try attribute(name, \.string, "a string") ?? value
  }
  func flag(_ name: String, default value: Bool) throws -> Bool { try int(name, default: value ? 1 : 0) != 0 }
  func graph(_ name: String) throws -> Subgraph { try required(name, \.graph, "a graph") }

  private func attribute<T>(_ name: String, _ read: (Attribute) -> T?, _ expected: String) throws -> T? {
    guard let attribute = attributes[name] else { return nil }
    guard let value = read(attribute) else {
      throw GraphError(.invalidAttribute, "attribute '\(name)' must be \(expected)")
    }
    return value
  }

  private func required<T>(_ name: String, _ read: (Attribute) -> T?, _ expected: String) throws -> T {
    guard let value = try attribute(name, read, expected) else {
      throw GraphError(.invalidAttribute, "attribute '\(name)' (\(expected)) is missing")
    }
    return value
  }
}
