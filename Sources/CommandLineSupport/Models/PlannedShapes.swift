import GraphRuntime

/// Concrete shapes for a model's inputs, so that it can be planned and measured.
struct PlannedShapes {
  let shapes: [String: [Int]]
  /// The inputs whose open extents were filled with defaults.
  let assumed: [String]

  /// Extents of pictures where the model leaves them open.
  private static let defaultExtent = 224

  /// - Parameters:
  ///   - path: the model's name for messages.
  ///   - given: shapes by input name.
  ///   - batch: the first extent of inputs that leave it open.
  /// - Throws: `CommandLineError` where a name is unknown or a batch is asked of a model with a fixed one.
  init(_ session: Session, name path: String, given: [String: [Int]], batch: Int?) throws {
    var shapes: [String: [Int]] = [:]
    var assumed: [String] = []
    let inputs = session.requiredInputs
    for name in given.keys where !inputs.contains(where: { $0.name == name }) {
      throw CommandLineError("\(path) has no input '\(name)'; its inputs are \(inputs.list)")
    }
    // The fusion graph needs two pictures to have anything to do.
    let isFusion = session.outputs.contains { $0.name == "fused" } && inputs.map(\.name) == ["images"]
    for input in inputs {
      if let shape = given[input.name] {
        shapes[input.name] = shape
        continue
      }
      guard let shape = input.shape else {
        throw CommandLineError("the shape of input \(input.description) is open: give it with --input-shape")
      }
      let filled = shape.enumerated().map { axis, dimension -> Int in
        if let value = dimension.value { return value }
        if axis == 0 { return batch ?? (isFusion ? 2 : 1) }
        return shape.count == 4 && axis >= 2 ? Self.defaultExtent : 1
      }
      if let batch, let first = filled.first, first != batch {
        throw CommandLineError("input \(input.description) has a fixed batch: --batch \(batch) can't be had")
      }
      if shape.concrete == nil {
        assumed.append("\(input.name)=\(filled.map(String.init).joined(separator: "x"))")
      }
      shapes[input.name] = filled
    }
    self.shapes = shapes
    self.assumed = assumed
  }
}
