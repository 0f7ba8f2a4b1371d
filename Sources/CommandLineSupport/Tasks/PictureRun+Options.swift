import GraphRuntime

extension PictureRun {
  /// Throws for an option that was given, but that a model of this role has no use for: what is ignored is taken for done.
  func checkOptions(for role: ModelRole, of model: LoadedModel) throws {
    func refuse(_ options: [(name: String, isGiven: Bool)], _ reason: String) throws {
      guard let option = options.first(where: \.isGiven) else { return }
      throw CommandLineError("\(self.model) \(reason): \(option.name) has no use")
    }
    if !role.fuses {
      try refuse(
        [
          ("-o", output != nil), ("--rule", rule != nil), ("--color", color != nil),
          ("--rounding", rounding != nil),
        ], "classifies and makes no picture")
    }
    let classes = [("--classes", self.classes != nil), ("--top", top != nil)]
    switch role {
    case .fusionGraph:
      try refuse([("--preprocess", preprocessing != nil)], "carries its preprocessing")
      if !model.session.outputs.contains(where: { $0.name == "probabilities" }) {
        try refuse(classes, "knows no classes")
      }
    case .similarityNetwork: try refuse([("--preprocess", preprocessing != nil)], "carries its preprocessing")
    case .fusionModel(let fusion):
      try refuse(classes, "knows no classes")
      if fusion.channels == 1 { try refuse([("--color rgb", color == .rgb)], "takes one channel") }
    case .classifier: break
    }
  }
}
