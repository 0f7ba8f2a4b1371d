import ArgumentParser
import GraphRuntime

/// `NAME=1x3x224x224`: the extents of an input.
public struct ShapeArgument: ExpressibleByArgument, Sendable, Hashable {
  public let name: String
  public let shape: [Int]

  public init?(argument: String) {
    // The name may hold an equals sign; extents don't.
    guard let separator = argument.lastIndex(of: "="), separator > argument.startIndex else { return nil }
    name = String(argument[..<separator])
    let text = argument[argument.index(after: separator)...]
    let extents = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    let shape = extents.compactMap { $0 }
    guard shape.count == extents.count, shape.allSatisfy({ $0 >= 0 }), shape.elementCount != nil else {
      return nil
    }
    self.shape = shape
  }

  /// The shapes by name.
  /// - Throws: `ValidationError` where a name comes twice.
  public static func dictionary(_ arguments: [ShapeArgument]) throws -> [String: [Int]] {
    try Dictionary(arguments.map { ($0.name, $0.shape) }) { _, _ in
      throw ValidationError("an input has two shapes among --input-shape")
    }
  }
}
