import ONNXParse

extension Session {
  /// What a run gets and is asked for, checked against the graph's interface.
  struct Request {
    /// Types of the inputs in the graph's order; nil for those that are not needed and not given.
    let inputs: [InputType?]
    let outputs: [Value.ID]

    struct InputType: Hashable {
      let type: TensorType
      let shape: [Int]
    }

    /// What the caller says of an input.
    enum Given {
      case shape([Int])
      case tensor(ElementType, [Int])
    }

    /// - Parameters:
    ///   - given: by input name; nil to take every input as declared.
    ///   - allowsDefaults: whether inputs of fixed shape may be left out.
    init(_ session: Session, outputs names: [String]?, given: [String: Given]?, allowsDefaults: Bool = false)
      throws
    {
      let graph = session.graph
      outputs = try session.outputIDs(names)
      let used = Schedule(graph, outputs: outputs).used
      for name in (given ?? [:]).keys where !session.inputs.contains(where: { $0.name == name }) {
        throw GraphError(.invalidInput, "there is no input '\(name)'; \(session.inputList)")
      }
      inputs = try graph.inputs.map { id in
        let value = graph[id]
        let isNeeded = used.contains(id) && graph.initializers[id] == nil
        if let entry = given?[value.name] {
          let type = try Self.check(value, entry)
          return isNeeded ? type : nil
        }
        guard isNeeded else { return nil }
        if let type = value.type?.tensor, let shape = type.concreteShape, given == nil || allowsDefaults {
          return InputType(type: type, shape: shape)
        }
        throw GraphError(
          .invalidInput, "input '\(value.name)' (\(value.type?.description ?? "any type")) is not given")
      }
    }

    private static func check(_ value: Value, _ given: Given) throws -> InputType {
      let (element, shape): (ElementType?, [Int]) =
        switch given {
        case .shape(let shape): (nil, shape)
        case .tensor(let element, let shape): (element, shape)
        }
      guard let declared = value.type else {
        guard let element else {
          throw GraphError(.invalidInput, "the model does not say what type input '\(value.name)' is of")
        }
        return InputType(type: TensorType(element, Shape(shape)), shape: shape)
      }
      guard let tensor = declared.tensor else {
        throw GraphError(.invalidInput, "input '\(value.name)' is a \(declared), but a tensor is given")
      }
      let type = TensorType(element ?? tensor.elementType, Shape(shape))
      guard type.elementType == tensor.elementType else {
        throw GraphError(
          .invalidInput,
          "input '\(value.name)' has element type \(tensor.elementType), but \(type.elementType) is given")
      }
      guard shape.elementCount != nil, tensor.shape?.admits(shape) ?? true else {
        throw GraphError(
          .invalidInput, "input '\(value.name)' is declared as \(tensor), but \(type) is given")
      }
      return InputType(type: type, shape: shape)
    }
  }

  /// The values of outputs by name, in order and each once; all outputs where nil.
  func outputIDs(_ names: [String]?) throws -> [Value.ID] {
    guard let names else { return graph.outputs.uniqued() }
    return try names.map { name in
      guard let id = graph.outputs.first(where: { graph[$0].name == name }) else {
        throw GraphError(
          .invalidInput, "there is no output '\(name)'; the outputs are \(outputs.map(\.name).quotedList)")
      }
      return id
    }.uniqued()
  }

  var inputList: String {
    inputs.isEmpty ? "the graph has no inputs" : "the inputs are \(inputs.map(\.name).quotedList)"
  }
}

extension Shape {
  /// Whether a tensor of the given extents may stand where this shape is declared.
  fileprivate func admits(_ extents: [Int]) -> Bool {
    count == extents.count && zip(self, extents).allSatisfy { $0.value == nil || $0.value == $1 }
  }
}

extension [Value.ID] {
  fileprivate func uniqued() -> [Value.ID] {
    var seen: Set<Value.ID> = []
    return filter { seen.insert($0).inserted }
  }
}

extension [String] {
  var quotedList: String { map { "'\($0)'" }.joined(separator: ", ") }
}
