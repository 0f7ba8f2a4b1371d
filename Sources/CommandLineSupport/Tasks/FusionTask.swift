import CSNGraphs
import GraphRuntime
import ImageFiles

/// Fuses pictures with a fusion graph of the project's, or with a model that takes one input a picture.
struct FusionTask {
  struct Settings {
    var rule = FusionRule.auto
    var color = ColorMode.auto
    var rounding = Rounding.nearest
    /// For models that carry no preprocessing; nil for RGB in 0..1.
    var preprocessing: Preprocessing?
  }

  /// How the colours of one set of pictures are treated.
  enum ColorPlan: String, Encodable { case grey, luma, rgb }

  let model: LoadedModel
  let role: ModelRole
  let settings: Settings

  /// The fused picture.
  func fuse(_ set: PictureSet) throws -> Image {
    try set.checkFusible()
    let plan = colorPlan(for: set)
    let pictures = set.images.map { plan == .rgb ? Planes($0).rgb : Planes($0).luma }
    let made = try Progress.show("fusing") { _ in
      switch role {
      case .fusionModel(let fusion): try run(fusion, on: pictures)
      default: try runFusionGraph(on: pictures)
      }
    }
    let first = set.images[0]
    guard made.width == first.width, made.height == first.height else {
      throw CommandLineError(
        "\(model.path) makes a picture of \(made.width)x\(made.height) from pictures of \(first.width)x\(first.height)"
      )
    }
    return picture(from: made, plan: plan, set: set)
  }

  /// How the colours of these pictures are treated.
  func colorPlan(for set: PictureSet) -> ColorPlan {
    let greys = set.images.filter(\.isGrey).count
    if case .fusionModel(let fusion) = role, fusion.channels == 1 {
      return greys == set.images.count ? .grey : .luma
    }
    switch settings.color {
    case .rgb: return .rgb
    case .luma: return greys == set.images.count ? .grey : .luma
    case .auto:
      if greys == set.images.count { return .grey }
      // Fusion graphs carry colour beside luma themselves; other models have not learnt to mix colour with grey.
      return greys == 0 || role == .fusionGraph ? .rgb : .luma
    }
  }

  // MARK: - Running

  private func runFusionGraph(on pictures: [Planes]) throws -> Planes {
    let output = try fusedOutput()
    let images = Tensor(stacking: pictures.map(\.rgb))
    let outputs = try model.session.run(["images": images], outputs: [output])
    guard let made = outputs[output] else { throw CommandLineError("\(model.path) made no '\(output)'") }
    return try Planes(made)
  }

  /// The output that follows the rule asked for.
  private func fusedOutput() throws -> String {
    let own = model.graph.metadata[CSNMetadata.rule]
    if settings.rule == .auto || settings.rule.rawValue == own { return "fused" }
    let name = "fused_\(settings.rule.rawValue)"
    guard model.session.outputs.contains(where: { $0.name == name }) else {
      throw CommandLineError(
        "\(model.path) follows the \(own ?? "one") rule only: it has no output '\(name)'")
    }
    return name
  }

  private func run(_ fusion: ModelRole.FusionModel, on pictures: [Planes]) throws -> Planes {
    guard settings.rule == .auto else {
      throw CommandLineError(
        "the rule is part of \(model.path): --rule serves fusion graphs of csn-convert only")
    }
    guard fusion.inputs.count == pictures.count else {
      throw CommandLineError(
        "\(model.path) fuses \(fusion.inputs.count) pictures, but \(pictures.count) are given")
    }
    let preprocessing = settings.preprocessing ?? .unit
    var inputs: [String: Tensor] = [:]
    for (name, picture) in zip(fusion.inputs, pictures) {
      inputs[name] = Tensor(stacking: [try preprocessing.apply(to: picture, channels: fusion.channels)])
    }
    let outputs = try model.session.run(inputs, outputs: [fusion.output])
    guard let made = outputs[fusion.output] else { throw CommandLineError("the model made no picture") }
    return preprocessing.undo(on: try Planes(made))
  }

  // MARK: - Finishing

  private func picture(from made: Planes, plan: ColorPlan, set: PictureSet) -> Image {
    let depth = set.bitDepth
    var planes = made
    if plan != .rgb {
      // Cutting off the fraction is meant for the levels that the model makes, not for those of their mean.
      if settings.rounding == .truncate { planes = planes.quantized(bitDepth: depth, rounding: .truncate) }
      planes = planes.luma
    }
    if plan == .luma {
      let chroma = Planes.fusedChroma(of: set.images.map { Planes($0) })
      planes = Planes(luma: planes, blue: chroma.blue, red: chroma.red)
    }
    return Image(
      planes, alpha: set.fusedAlpha, bitDepth: depth, rounding: plan == .rgb ? settings.rounding : .nearest,
      metadata: set.metadata(isColor: plan != .grey))
  }
}
