import ArgumentParser
import CSNGraphs
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
  // nil where an option was not given: what a model has no use for is refused.
  public var rule: FusionRule?
  public var color: ColorMode?
  public var preprocessing: Preprocessing?
  public var rounding: Rounding?
  public var classes: String?
  /// How many classes are told of a picture; nil for 5.
  public var top: Int?
  /// Where the HTML report goes.
  public var report: String?
  public var isJSON: Bool

  public static let defaultOutput = "fused.png"

  public init(
    model: String, images: [String], settings: RunSettings, output: String? = nil,
    rule: FusionRule? = nil,
    color: ColorMode? = nil, preprocessing: Preprocessing? = nil, rounding: Rounding? = nil,
    classes: String? = nil, top: Int? = nil, report: String? = nil, isJSON: Bool = false
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
    try OutputFile.check(outputs(), notReplacing: inputs)
    let names = try classNames()
    let model = try LoadedModel(self.model, settings)
    let role = try ModelRole(model)
    try checkOptions(for: role, of: model)
    let path = role.fuses ? output ?? Self.defaultOutput : nil
    try OutputFile.check(outputs(fused: path), notReplacing: inputs)
    let set = try PictureSet(
      reading: images, memory: settings.memory,
      bytesPerPixel: role.fuses ? Self.bytesPerFusedPixel : Self.bytesPerPixel)
    let fused = try role.fuses ? fuse(set, model, role) : nil
    let classification = ClassificationTask(
      model: model, role: role, names: names, top: top ?? 5, preprocessing: preprocessing ?? .imagenet)
    let results = try classification.run(on: set.images)
    let summary = Summary(fused: path, similarity: results.similarity, classes: results.classes)
    try Progress.show("writing") { _ in try write(set, fused, summary, model.session) }
    settings.tell(model.session)
    if isJSON { try JSONOutput.write(summary) } else { try StandardOutput.write(text(summary, fused)) }
  }

  /// Bytes for each pixel of a picture: as it is read, and, of those that are fused, as planes of floats and in the
  /// tensor that the model reads.
  private static let bytesPerPixel = 8
  private static let bytesPerFusedPixel = bytesPerPixel + 2 * 3 * 4

  private var inputs: [String] { [model] + images + [classes].compactMap(\.self) }

  private func outputs(fused: String? = nil) -> [OutputFile] {
    [(fused ?? output).map { OutputFile("-o", $0) }, report.map { OutputFile("--report", $0) }].compactMap(
      \.self)
      + settings.outputs
  }

  private func classNames() throws -> [String]? {
    guard let list = try classes.map({ try ClassList($0) }) else { return nil }
    guard let names = list.names else { throw ValidationError("--classes takes a file of names here.") }
    return names
  }

  private func fuse(_ set: PictureSet, _ model: LoadedModel, _ role: ModelRole) throws -> Image {
    let choices = FusionTask.Settings(
      rule: rule ?? .auto, color: color ?? .auto, rounding: rounding ?? .nearest, preprocessing: preprocessing
    )
    return try FusionTask(model: model, role: role, settings: choices).fuse(set)
  }

  /// Writes picture, report and trace; none takes its name before all are whole.
  private func write(_ set: PictureSet, _ fused: Image?, _ summary: Summary, _ session: Session) throws {
    var parts: [AtomicFile.Part] = []
    if let fused, let path = summary.fused { parts.append(PNG.part(fused, path)) }
    if let report {
      let page = try ReportPage(model: model, set: set, fused: fused, summary: summary).html()
      parts.append(AtomicFile.Part(report) { try $0.write(Array(page.utf8)) })
    }
    try OutputFile.write(parts + settings.parts(session))
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
