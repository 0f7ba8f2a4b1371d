import GraphRuntime

/// Rewrites a pretrained classifier into a classification-similarity network.
public enum CSNBuilder {
  /// Builds the CSN over the backbone's trunk: `images` [N, 3, H, W] (the backbone's size, RGB in 0..1) to
  /// `probabilities` [N, C], `features` [N, F] and `similarity` [N, N].
  /// - Throws: `CSNError` when the backbone's parts can't be placed, options contradict each other, or a head's
  ///   weights don't fit; `GraphError` when the result can't run.
  public static func build(from graph: Graph, options: CSNOptions) throws -> BuiltGraph {
    var report = BuildReport()
    let backbone = try Backbone(analyzing: graph)
    backbone.describe(into: &report)
    let preprocessing = report.preprocessing(of: backbone, given: options.preprocessing)
    var head = HeadWeights(options.head)
    let branch = try ClassificationBranch(
      backbone, preprocessing: preprocessing, options: options, head: &head, report: &report)
    try head.checkAllUsed()

    var result = Graph(name: "csn-\(options.version.rawValue)")
    let (height, width) = backbone.inputSize
    let images = result.addInput(
      "images", .tensor(TensorType(.float32, [.symbol("N"), 3, .fixed(height), .fixed(width)])))
    let outputs = try branch.append(to: &result, images: images, prefix: "")
    for output in outputs.all { result.addOutput(output) }
    try result.inferTypes()
    try result.checkBatch(of: outputs, features: branch.bottleneck.featureWidth)
    result.metadata[CSNMetadata.kind] = "csn"
    result.metadata[CSNMetadata.version] = options.version.rawValue
    result.metadata[CSNMetadata.preprocessing] = preprocessing.rawValue
    result.metadata[CSNMetadata.integration] = options.integration.rawValue
    result.metadata[CSNMetadata.labels] = options.labels?.joined(separator: "\n")
    result.metadata[CSNMetadata.report] = report.lines.joined(separator: "\n")
    return BuiltGraph(graph: result, report: report)
  }
}

extension BuildReport {
  /// The preprocessing given, or judged from the backbone; notes which.
  mutating func preprocessing(of backbone: Backbone, given: Preprocessing?) -> Preprocessing {
    if let given {
      add(.given, "preprocessing", given.rawValue)
      return given
    }
    let (judged, reason) = PreprocessingJudge.judge(backbone)
    add(.judged, "preprocessing", "\(judged.rawValue) (\(reason))")
    return judged
  }
}

extension Graph {
  /// Checks that the trunk left the number of pictures open.
  func checkBatch(of outputs: ClassificationBranch.Outputs, features: Int) throws {
    let expected: Shape = [.symbol("N"), .fixed(features)]
    guard let shape = self[outputs.features].type?.tensor?.shape, shape == expected else {
      let found = self[outputs.features].type?.description ?? "unknown"
      throw CSNError(
        .unplaceable,
        "the trunk fixes the number of pictures: features come out as \(found), not [N, \(features)]; export it with a free batch"
      )
    }
  }
}
