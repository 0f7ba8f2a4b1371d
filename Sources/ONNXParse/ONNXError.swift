/// Why bytes are not a model, or a model is not valid.
public struct ONNXError: Error, Sendable, Hashable {
  public enum Category: String, Sendable {
    /// The bytes are not the protobuf message they should be.
    case wire
    /// A limit that keeps time and memory in proportion to the file is exceeded.
    case limit
    /// An external data location, offset, length or checksum that must not or can't be followed.
    case externalData
    /// A field that must be there is absent, or holds what it must not.
    case field
    /// A tensor whose type, dims and data don't agree.
    case tensor
    /// An attribute whose type and value don't agree.
    case attribute
    /// Names, order or links of a graph that break the standard's rules.
    case graph
    /// A model-local function that breaks the standard's rules.
    case function
  }

  public let category: Category
  /// The file concerned, where one is known.
  public internal(set) var file: String?
  /// The way to the place concerned, outermost first: `graph`, `node[3] conv1 (Conv)`, `attribute pads`...
  public internal(set) var path: [String]
  /// One sentence that names what was found and what to do about it.
  public let message: String

  public init(_ category: Category, _ message: String, path: [String] = [], file: String? = nil) {
    self.category = category
    self.message = message
    self.path = path
    self.file = file
  }

  /// The same error, found inside `place`.
  func inside(_ place: String) -> ONNXError {
    var error = self
    error.path.insert(place, at: 0)
    return error
  }

  /// The same error, found in `file` where no file is known yet.
  func inFile(_ file: String) -> ONNXError {
    var error = self
    error.file = error.file ?? file
    return error
  }
}

extension ONNXError: CustomStringConvertible {
  /// `model.onnx: graph/node[3] conv1 (Conv): attribute 'pads' ...`
  public var description: String {
    ([file, path.isEmpty ? nil : path.joined(separator: "/")].compactMap { $0 } + [message])
      .joined(separator: ": ")
  }
}
