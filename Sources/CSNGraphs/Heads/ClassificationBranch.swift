import GraphRuntime

/// One classification-similarity network: a backbone, its bottleneck and its similarity network.
struct ClassificationBranch: Sendable {
  let backbone: Backbone
  let classifier: Backbone.Classifier
  let preprocessing: Preprocessing
  let bottleneck: Bottleneck
  let similarity: SimilarityNetwork

  /// Widths beyond these are a mistake.
  private static let largestWidth = 65536
  private static let mostLayers = 64

  /// Loads what the head file holds and derives the rest.
  init(
    _ backbone: Backbone, preprocessing: Preprocessing, options: CSNOptions, head: inout HeadWeights,
    report: inout BuildReport
  ) throws(CSNError) {
    self.backbone = backbone
    self.preprocessing = preprocessing
    classifier = try backbone.classifier.get()
    let widths = try Self.widths(options, head: head)
    bottleneck = try Self.bottleneck(
      classifier, widths: widths, options: options, head: &head, report: &report)
    if head.has(prefix: "similarity.") {
      similarity = try SimilarityNetwork(
        loading: &head, feature: bottleneck.featureWidth, integration: options.integration)
      report.add(.loaded, "similarity", "\(options.integration.rawValue), 256, score")
    } else {
      similarity = SimilarityNetwork(deriving: bottleneck, integration: options.integration)
      let basis = options.integration == .product ? "correlation" : "distance"
      report.add(
        .derived, "similarity",
        "from the \(basis) of the features (\(options.integration.rawValue), 256, score)")
    }
    try Self.checkClasses(bottleneck.output.weight.rows, options)
  }

  /// The widths asked for, or those of the head file, or the version's.
  private static func widths(_ options: CSNOptions, head: HeadWeights) throws(CSNError) -> [Int] {
    var widths = options.widths ?? []
    if options.widths == nil {
      while widths.count < mostLayers, let shape = head.shape("fc\(widths.count + 1).weight"),
        let width = shape.first
      {
        widths.append(width)
      }
      if widths.isEmpty { widths = options.version.defaultWidths }
    }
    guard !widths.isEmpty, widths.count <= mostLayers, widths.allSatisfy({ (1...largestWidth).contains($0) })
    else {
      throw CSNError(
        .invalidOption,
        "widths are 1 to \(mostLayers) numbers between 1 and \(largestWidth), not \(widths.map(String.init).joined(separator: ","))"
      )
    }
    return widths
  }

  private static func bottleneck(
    _ classifier: Backbone.Classifier, widths: [Int], options: CSNOptions, head: inout HeadWeights,
    report: inout BuildReport
  ) throws(CSNError) -> Bottleneck {
    let layers = "fc1..fc\(widths.count)"
    let text = ([classifier.features] + widths).map(String.init).joined(separator: "-")
    let classes = head.shape("output.weight")?.first ?? classifier.classes
    guard !head.has(prefix: "fc"), !head.has(prefix: "bn") else {
      let loaded = try Bottleneck(
        loading: &head, inputs: classifier.features, widths: widths, classes: classes)
      report.add(.loaded, layers, text)
      report.add(.loaded, "output", "\(classes) classes")
      return loaded
    }
    var derived = try Bottleneck(deriving: classifier, widths: widths, integration: options.integration)
    let rank = min(widths.min() ?? 0, classifier.classes)
    report.add(.derived, layers, "\(text), from the factorisation of the classifier at rank \(rank)")
    if head.has(prefix: "output.") {
      derived.output = try DenseLayer(
        loading: "output", normalization: nil, outputs: classes, inputs: derived.featureWidth, from: &head)
      report.add(.loaded, "output", "\(classes) classes")
    } else {
      report.add(.derived, "output", "\(classes) classes, from the same factorisation")
    }
    return derived
  }

  private static func checkClasses(_ count: Int, _ options: CSNOptions) throws(CSNError) {
    guard let asked = options.classCount ?? options.labels?.count else { return }
    if let labels = options.labels, labels.count != asked {
      throw CSNError(.invalidOption, "\(labels.count) class names are given for \(asked) classes")
    }
    guard asked == count else {
      throw CSNError(
        .invalidOption,
        "the classifier has \(count) classes, not \(asked); other classes need a trained head with output.weight [\(asked),…]"
      )
    }
  }
}

extension ClassificationBranch {
  /// The values a CSN shows.
  struct Outputs {
    var probabilities: Value.ID
    var features: Value.ID
    var similarity: Value.ID

    var all: [Value.ID] { [probabilities, features, similarity] }
  }

  /// Adds the network to a graph.
  /// - Parameter images: [N, 3, H, W] of the backbone's size, RGB in 0..1.
  func append(to graph: inout Graph, images: Value.ID, prefix: String) throws -> Outputs {
    var entry = preprocessing.append(to: &graph, images: images, prefix: prefix + "preprocess.")
    if backbone.layout == .channelsLast {
      entry = graph.add(
        "Transpose", entry, attributes: ["perm": .ints([0, 2, 3, 1])], name: prefix + "channels_last")
    }
    let pooled = try graph.splice(
      backbone.graph, making: [classifier.pooled], substituting: [backbone.input: entry],
      prefix: prefix + "backbone/")
    var value = graph.add("Flatten", pooled[0], attributes: ["axis": .int(1)], name: prefix + "flatten")
    for (index, layer) in bottleneck.layers.enumerated() {
      value = layer.append(
        to: &graph, reading: value, name: "fc\(index + 1)", normalization: "bn\(index + 1)")
    }
    graph.rename(value, to: "features")
    let scores = bottleneck.output.append(to: &graph, reading: value, name: "output")
    let probabilities = graph.add(
      "Softmax", scores, attributes: ["axis": .int(-1)], name: "probabilities", output: "probabilities")
    let similarity = similarity.append(to: &graph, features: value, output: "similarity")
    return Outputs(probabilities: probabilities, features: value, similarity: similarity)
  }
}
