import ArgumentParser
import CSNGraphs
import Foundation
import GraphRuntime
import ImageFiles
import ONNXParse

/// `csn-run MODEL IMAGE...`: fuses or classifies, as the model allows.
public struct PictureRun {
  public var model: String
  public var images: [String]
  public var settings: RunSettings
  /// Where the fused picture goes; nil for `fused.png`.
  public var output: String?
  public var rule: FusionRule
  public var color: ColorMode
  public var preprocessing: Preprocessing?
  public var rounding: Rounding
  public var classes: String?
  public var top: Int
  /// Where the HTML report goes.
  public var report: String?
  public var isJSON: Bool

  public static let defaultOutput = "fused.png"

  public init(
    model: String, images: [String], settings: RunSettings, output: String? = nil,
    rule: FusionRule = .auto,
    color: ColorMode = .auto, preprocessing: Preprocessing? = nil, rounding: Rounding = .nearest,
    classes: String? = nil, top: Int = 5, report: String? = nil, isJSON: Bool = false
  ) {
    self.model = model
    self.images = images
    self.settings = settings
    self.output = output
    self.rule = rule
    self.color = color
    self.preprocessing = preprocessing
    self.rounding = rounding
    self.classes = classes
    self.top = top
    self.report = report
    self.isJSON = isJSON
  }

  /// What is printed with `--json`.
  struct Summary: Encodable {
    var fused: String?
    var similarity: [[Float]]?
    var classes: [[ClassificationTask.Prediction]]?
  }

  public func run() throws {
    for path in [output, report].compactMap(\.self) { try OutputFile.check(path) }
    try settings.check()
    let names = try classes.map { try ClassList($0) }?.names
    let set = try PictureSet(reading: images)
    let model = try LoadedModel(self.model, options: settings.session)
    let role = try ModelRole(model)
    let fused = try fuse(set, model, role)
    let classification = ClassificationTask(
      model: model, role: role, names: names, top: top, preprocessing: preprocessing ?? .imagenet)
    let results = try classification.run(on: set.images)

    let path = output ?? Self.defaultOutput
    let summary = Summary(
      fused: fused == nil ? nil : path, similarity: results.similarity, classes: results.classes)
    let page = try report.map { _ in
      try ReportPage(model: self.model, set: set, fused: fused, summary: summary).html()
    }
    if let fused { try PNG.write(fused, to: path) }
    if let report, let page { try AtomicFile.write(to: report) { try $0.write(Array(page.utf8)) } }
    try settings.finish(model.session)
    if isJSON { try JSONOutput.write(summary) } else { print(text(summary, fused)) }
  }

  private func fuse(_ set: PictureSet, _ model: LoadedModel, _ role: ModelRole) throws -> Image? {
    switch role {
    case .classifier, .similarityNetwork:
      guard output == nil else {
        throw CommandLineError("\(self.model) classifies and makes no picture: -o has no use")
      }
      return nil
    case .fusionGraph, .fusionModel:
      if output == nil {
        guard !images.contains(Self.defaultOutput) else {
          throw CommandLineError(
            "the result would replace \(Self.defaultOutput), which is an input; name it with -o")
        }
        try OutputFile.check(Self.defaultOutput)
      }
      let choices = FusionTask.Settings(
        rule: rule, color: color, rounding: rounding, preprocessing: preprocessing)
      return try FusionTask(model: model, role: role, settings: choices).fuse(set)
    }
  }

  private func text(_ summary: Summary, _ fused: Image?) -> String {
    var lines: [String] = []
    if let path = summary.fused, let fused {
      lines.append("\(path): \(fused.width)x\(fused.height), \(fused.bitDepth) bit \(fused.colorModel.title)")
    }
    for (path, predictions) in zip(images, summary.classes ?? []) {
      let list = predictions.map { "\($0.label) \(percent($0.probability))" }.joined(separator: ", ")
      lines.append("\(path): \(list)")
    }
    if let similarity = summary.similarity {
      for a in similarity.indices {
        for b in similarity.indices where b > a {
          lines.append("similarity of \(images[a]) and \(images[b]): \(decimal(similarity[a][b], digits: 3))")
        }
      }
    }
    return lines.joined(separator: "\n")
  }
}

extension Image.ColorModel {
  var title: String {
    switch self {
    case .grey: "grey"
    case .greyAlpha: "grey with alpha"
    case .rgb: "RGB"
    case .rgba: "RGB with alpha"
    }
  }
}

/// `12.3 %`.
func percent(_ probability: Float) -> String { decimal(probability * 100, digits: 1) + " %" }

func decimal(_ value: some BinaryFloatingPoint, digits: Int) -> String {
  String(format: "%.\(digits)f", Double(value))
}
