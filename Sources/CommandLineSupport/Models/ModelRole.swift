import GraphRuntime

/// What a model does with pictures, judged from its inputs and outputs.
enum ModelRole: Equatable {
  /// `images` [N, 3, H, W] to `fused` [1, 3, H, W], and what else the graph has.
  case fusionGraph
  /// `images` [N, 3, H, W] to `probabilities`, `features`, `similarity`.
  case similarityNetwork(Classifier)
  /// One input a picture, in order, to one picture.
  case fusionModel(FusionModel)
  /// One picture, or a batch of them, to a value for each class.
  case classifier(Classifier)

  /// Whether it makes one picture of several.
  var fuses: Bool {
    switch self {
    case .fusionGraph, .fusionModel: true
    case .similarityNetwork, .classifier: false
    }
  }

  struct FusionModel: Equatable {
    let inputs: [String]
    let output: String
    /// 3, or 1 for a model of grey pictures.
    let channels: Int
  }

  struct Classifier: Equatable {
    let input: String
    let output: String
    let height: Int
    let width: Int
    /// How many pictures go in at once; nil for any number.
    let batch: Int?
    /// Whether the input is [N, H, W, 3] rather than [N, 3, H, W].
    let isChannelsLast: Bool
  }

  /// - Throws: `CommandLineError` where the model takes no pictures.
  init(_ model: LoadedModel) throws {
    let inputs = model.inputs
    let outputs = model.session.outputs
    let kind = GraphKind(model.graph)
    if kind == .fusion {
      self = .fusionGraph
    } else if kind == .similarityNetwork, let classifier = Classifier(inputs[0], output: "probabilities") {
      self = .similarityNetwork(classifier)
    } else if let fusion = FusionModel(inputs: inputs, outputs: outputs) {
      self = .fusionModel(fusion)
    } else if inputs.count == 1, let output = outputs.first, output.isClassVector,
      let classifier = Classifier(inputs[0], output: output.name)
    {
      self = .classifier(classifier)
    } else {
      throw CommandLineError(
        "\(model.path) does not take pictures: its inputs are \(inputs.list), its outputs \(outputs.list); "
          + "run it on tensors with --inputs")
    }
  }
}

extension ModelRole.FusionModel {
  init?(inputs: [Session.Port], outputs: [Session.Port]) {
    guard inputs.count > 1, outputs.count == 1, let shape = outputs[0].shape, shape.count == 4 else {
      return nil
    }
    guard let channels = inputs[0].shape.flatMap({ $0.count == 4 ? $0[1].value : nil }),
      channels == 1 || channels == 3,
      inputs.allSatisfy({ $0.shape?.count == 4 && $0.shape?[1].value == channels && $0.isFloat })
    else { return nil }
    self.init(inputs: inputs.map(\.name), output: outputs[0].name, channels: channels)
  }
}

extension ModelRole.Classifier {
  /// Sides and numbers of pictures beyond any classifier's are a mistake in the file, not a demand.
  private static let sides = 1...16384

  init?(_ port: Session.Port, output: String) {
    guard let shape = port.shape, shape.count == 4, port.isFloat else { return nil }
    let isChannelsLast = shape.isChannelsLast
    guard shape[isChannelsLast ? 3 : 1].value == 3 else { return nil }
    let extents = shape.nominal()
    let (height, width) = isChannelsLast ? (extents[1], extents[2]) : (extents[2], extents[3])
    guard Self.sides.contains(height), Self.sides.contains(width), extents[0] > 0 else { return nil }
    self.init(
      input: port.name, output: output, height: height, width: width, batch: shape[0].value,
      isChannelsLast: isChannelsLast)
  }
}

extension Session.Port {
  var shape: Shape? { type?.tensor?.shape }
  fileprivate var isFloat: Bool { type?.tensor?.elementType == .float32 }

  /// [N, C], or [N, C, 1, 1].
  fileprivate var isClassVector: Bool {
    guard isFloat, let shape else { return false }
    return shape.count == 2 || shape.count == 4 && shape[2].value == 1 && shape[3].value == 1
  }

  var description: String { "'\(name)' \(type?.description ?? "of unknown type")" }
}

extension [Session.Port] {
  var list: String { map(\.description).joined(separator: ", ") }
}
