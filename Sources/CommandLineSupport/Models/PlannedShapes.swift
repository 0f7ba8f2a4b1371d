import GraphRuntime

/// Concrete shapes for a model's inputs, so that it can be planned and measured.
struct PlannedShapes {
  let shapes: [String: [Int]]
  /// The inputs whose open extents were filled with defaults.
  let assumed: [String]

  /// - Parameters:
  ///   - path: the model's name for messages.
  ///   - given: shapes by input name.
  ///   - batch: the first extent of inputs that leave it open.
  /// - Throws: `CommandLineError` where a name is unknown, a batch is asked of a model with a fixed one, or an input is left
  ///   that no shape can be thought out for.
  init(_ session: Session, name path: String, given: [String: [Int]], batch: Int?) throws {
    var shapes: [String: [Int]] = [:]
    var assumed: [String] = []
    let inputs = session.requiredInputs
    for name in given.keys where !inputs.contains(where: { $0.name == name }) {
      throw CommandLineError("\(path) has no input '\(name)'; its inputs are \(inputs.list)")
    }
    for input in inputs {
      if let shape = given[input.name] {
        if let batch, shape.first != batch {
          throw CommandLineError(
            "--batch \(batch) contradicts --input-shape \(input.name)=\(shape.map(String.init).joined(separator: "x"))"
          )
        }
        shapes[input.name] = shape
        continue
      }
      guard let shape = input.shape else {
        let advice = input.type?.tensor == nil ? "run the model with --inputs" : "give it with --input-shape"
        throw CommandLineError("the shape of input \(input.description) is open: \(advice)")
      }
      let filled = shape.nominal(batch: batch ?? GraphKind.nominalBatch(GraphKind(session.graph)))
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
