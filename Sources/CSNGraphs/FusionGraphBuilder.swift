import GraphRuntime

/// Builds the paper's image fusion (figure 4) over one or two pretrained backbones.
public enum FusionGraphBuilder {
  /// Builds the fusion graph: `images` [N, 3, H, W], RGB in 0..1, to `fused` [1, 3, H, W]; beside it the other rules'
  /// `fused_max`, `fused_mean`, `fused_sum`, and, from the images resized to a backbone's input, that CSN's
  /// `probabilities` [N, C], `features` [N, F] and `similarity` [N, N]. N, H and W are free.
  ///
  /// The first backbone serves CSN v1 and v3, the second v2. Probabilities, features and similarity are those of the
  /// first backbone that has a classifier; a trunk without one serves its filters, and with none at all those three
  /// outputs are left out.
  /// - Throws: `CSNError` when a backbone has no 64 filters of 7x7x3 to fuse with, they don't form a frame, or
  ///   options or head weights don't fit; `GraphError` when the result can't run.
  public static func build(from graphs: [Graph], options: FusionOptions = .init()) throws -> BuiltGraph {
    guard (1...2).contains(graphs.count) else {
      throw CSNError(
        .invalidOption,
        "the fusion graph takes one backbone (CSN v1 and v3) or two (and v2), not \(graphs.count)")
    }
    guard [0, 1, graphs.count].contains(options.preprocessing.count) else {
      throw CSNError(
        .invalidOption,
        "\(options.preprocessing.count) preprocessings are given for \(graphs.count) backbone(s)")
    }
    var report = BuildReport()
    var backbones: [(backbone: Backbone, preprocessing: Preprocessing)] = []
    for (index, graph) in graphs.enumerated() {
      var found = BuildReport()
      let backbone = try Backbone(analyzing: graph)
      backbone.describe(into: &found)
      let given = options.preprocessing.count > 1 ? options.preprocessing[index] : options.preprocessing.first
      backbones.append((backbone, found.preprocessing(of: backbone, given: given)))
      report.append(found, prefix: index == 0 ? "v1 " : "v2 ")
    }
    return try build(backbones, options: options, report: report)
  }

  /// Builds the fusion graph over the filters that a formula makes (`Models/`); it has no classes and no similarity.
  public static func buildAnalytic(options: FusionOptions = .init()) throws -> BuiltGraph {
    var report = BuildReport()
    report.add(.derived, "filters", "64 windowed Fourier functions of 7x7, by formula")
    var head = HeadWeights(options.head)
    let path = try FusionPath(
      banks: [.analytic(name: "v1")], refinement: .analytic(name: "v3"), head: &head, report: &report)
    try head.checkAllUsed()
    return try assemble(path, branch: nil, options: options, report: report)
  }

  private static func build(
    _ backbones: [(backbone: Backbone, preprocessing: Preprocessing)], options: FusionOptions,
    report: BuildReport
  ) throws -> BuiltGraph {
    var report = report
    var head = HeadWeights(options.head)
    var banks: [FilterBank] = []
    for (index, entry) in backbones.enumerated() {
      banks.append(
        try FilterBank(
          name: index == 0 ? "v1" : "v2", stem: entry.backbone.stem.get(), preprocessing: entry.preprocessing)
      )
    }
    let path = try FusionPath(
      banks: banks, refinement: FilterBank(name: "v3", filters: banks[0].filters), head: &head,
      report: &report)
    var branch: (network: ClassificationBranch, version: CSNVersion)?
    if let index = backbones.firstIndex(where: { (try? $0.backbone.classifier.get()) != nil }) {
      let version = index == 0 ? CSNVersion.v1 : .v2
      let settings = CSNOptions(
        version: version, widths: options.widths, labels: options.labels, classCount: options.classCount,
        integration: options.integration, head: options.head)
      var found = BuildReport()
      let network = try ClassificationBranch(
        backbones[index].backbone, preprocessing: backbones[index].preprocessing, options: settings,
        head: &head,
        report: &found)
      report.append(found, prefix: "\(version.rawValue) ")
      branch = (network, version)
    } else {
      report.add(.absent, "probabilities, features, similarity", "no backbone has a classifier")
    }
    try head.checkAllUsed()
    return try assemble(
      path, branch: branch, preprocessing: backbones.map(\.preprocessing), options: options, report: report)
  }

  private static func assemble(
    _ path: FusionPath, branch: (network: ClassificationBranch, version: CSNVersion)?,
    preprocessing: [Preprocessing] = [], options: FusionOptions, report: BuildReport
  ) throws -> BuiltGraph {
    var graph = Graph(name: "csn-fusion")
    let images = graph.addInput(
      "images", .tensor(TensorType(.float32, [.symbol("N"), 3, .symbol("H"), .symbol("W")])))
    let first = options.rule.resolved
    let rules = [first] + [.max, .mean, .sum].filter { $0 != first }
    let fused = path.append(to: &graph, images: images, rules: rules)
    graph.addOutput(fused[0])
    var shown: ClassificationBranch.Outputs?
    if let branch {
      let resized = resize(images, to: branch.network.backbone.inputSize, in: &graph)
      let outputs = try branch.network.append(
        to: &graph, images: resized, prefix: "\(branch.version.rawValue).")
      for output in outputs.all { graph.addOutput(output) }
      shown = outputs
      graph.metadata[CSNMetadata.version] = branch.version.rawValue
      graph.metadata[CSNMetadata.integration] = options.integration.rawValue
      graph.metadata[CSNMetadata.labels] = options.labels?.joined(separator: "\n")
    }
    for output in fused.dropFirst() { graph.addOutput(output) }
    try graph.inferTypes()
    if let branch, let shown {
      try graph.checkBatch(of: shown, features: branch.network.bottleneck.featureWidth)
    }
    graph.metadata[CSNMetadata.kind] = "fusion"
    graph.metadata[CSNMetadata.rule] = first.rawValue
    graph.metadata[CSNMetadata.preprocessing] = preprocessing.map(\.rawValue).joined(separator: ",")
    graph.metadata[CSNMetadata.report] = report.lines.joined(separator: "\n")
    return BuiltGraph(graph: graph, report: report)
  }

  /// Resizes pictures bilinearly to the size a backbone expects.
  private static func resize(
    _ images: Value.ID, to size: (height: Int, width: Int), in graph: inout Graph
  ) -> Value.ID {
    let extents = graph.addInitializer(
      "resize.sizes", Tensor([Int64(size.height), Int64(size.width)], shape: [2]))
    return graph.add(
      "Resize", images, nil, nil, extents,
      attributes: [
        "mode": .string("linear"), "coordinate_transformation_mode": .string("half_pixel"),
        "axes": .ints([2, 3]),
      ], name: "resized")
  }
}
