import GraphRuntime

/// A pretrained network with its parts found: where images enter, the first convolution, the last pooling and the
/// classifier behind it.
///
/// The search goes by structure, never by names, so that it serves any exporter's spelling.
public struct Backbone: Sendable {
  /// Where a picture's channels stand in the network's input.
  public enum Layout: String, Sendable {
    case channelsFirst = "NCHW"
    case channelsLast = "NHWC"
  }

  public let graph: Graph
  /// The input that takes the pictures.
  public let input: Value.ID
  public let layout: Layout
  /// Height and width the network was made for; 224 by 224 where it leaves them open.
  public let inputSize: (height: Int, width: Int)
  /// The first convolution, or why it can't serve as a filter bank.
  public let stem: Result<Stem, CSNError>
  /// The last pooling and the classifier behind it, or why they can't be placed.
  public let classifier: Result<Classifier, CSNError>

  /// Finds the parts of an imported network.
  /// - Throws: `CSNError` when there is no input that could take pictures.
  public init(analyzing graph: Graph) throws {
    // Where some node can't run, what is declared has to do: a trunk may still serve its filters.
    var typed = graph
    let graph = (try? typed.inferTypes()) == nil ? graph : typed
    let resolver = ConstantResolver(graph)
    let input = try Self.pictureInput(of: graph)
    self.graph = graph
    self.input = input
    layout = Self.layout(of: input, in: graph)
    inputSize = Self.size(of: input, layout: layout, in: graph)
    let search = StemSearch(graph: graph, resolver: resolver, input: input, layout: layout, size: inputSize)
    stem = Result(catching: { () throws(CSNError) in try search.stem() })
    let head = HeadSearch(graph: graph, resolver: resolver, input: input, layout: layout)
    classifier = Result(catching: { () throws(CSNError) in try head.classifier() })
  }

  private static func pictureInput(of graph: Graph) throws -> Value.ID {
    let inputs = graph.inputs.filter { graph.initializers[$0] == nil }
    let candidates = inputs.filter { id in
      guard let type = graph[id].type?.tensor else { return true }
      guard let shape = type.shape else { return true }
      guard shape.count == 4 else { return false }
      let channels = [shape[1], shape[3]]
      return channels.contains { $0.value == 3 } || channels.contains { $0.value == nil }
    }
    guard candidates.count == 1 else {
      let list = inputs.map { "'\(graph[$0].name)' \(graph[$0].type?.description ?? "?")" }.joined(
        separator: ", ")
      throw CSNError(
        .unplaceable,
        "a backbone has one input of pictures with 3 channels, but this network has \(candidates.count) (inputs: \(list))"
      )
    }
    return candidates[0]
  }

  private static func layout(of input: Value.ID, in graph: Graph) -> Layout {
    if let shape = graph[input].type?.tensor?.shape, shape.count == 4 {
      if shape[1].value == 3 { return .channelsFirst }
      if shape[3].value == 3 { return .channelsLast }
    }
    // No channels declared: the reader of the input tells.
    let reader = graph.nodes.first { $0.reads.contains(input) }
    return reader?.op == "Transpose" && reader?.attributes["perm"]?.ints == [0, 3, 1, 2]
      ? .channelsLast : .channelsFirst
  }

  private static func size(of input: Value.ID, layout: Layout, in graph: Graph) -> (height: Int, width: Int) {
    guard let shape = graph[input].type?.tensor?.shape, shape.count == 4 else { return (224, 224) }
    let first = layout == .channelsFirst ? 2 : 1
    // A size beyond any classifier's is a mistake in the file, not a demand.
    func extent(_ axis: Int) -> Int {
      shape[axis].value.flatMap { (8...4096).contains($0) ? $0 : nil } ?? 224
    }
    return (extent(first), extent(first + 1))
  }
}

extension Backbone {
  /// The first convolution: 64 filters of 7x7x3 in the networks of the paper.
  public struct Stem: Sendable {
    public let label: String
    /// `[filters, channels, height, width]`.
    public let shape: [Int]
    /// The filters as they act on the network's input, row-major; what stands between input and convolution (mean and
    /// scale, change of channel order) is worked in.
    public let weights: [Double]
    /// Whether the convolution has a bias of its own.
    public let hasBias: Bool
    /// What the network itself does to its input before the convolution, channel by channel.
    let prelude: Prelude
    let statistics: StemStatistics
  }

  /// The dense layer that makes class scores from pooled features.
  public struct Classifier: Sendable {
    /// The pooled features, one a channel; everything behind them is replaced.
    public let pooled: Value.ID
    public let poolingLabel: String
    public let label: String
    public let features: Int
    public let classes: Int
    /// [classes, features], row-major.
    let weight: [Double]
    /// [classes].
    let bias: [Double]
    /// Whether the network ends with Softmax.
    public let hasSoftmax: Bool
  }
}

extension Backbone {
  /// What was found, for the user to read.
  func describe(into report: inout BuildReport) {
    let type = graph[input].type?.description ?? "of unknown type"
    report.add(.found, "input", "'\(graph[input].name)' \(type), \(layout.rawValue)")
    switch stem {
    case .success(let stem):
      let shape = stem.shape.map(String.init).joined(separator: "x")
      let bias = stem.hasBias ? ", with a bias" : ""
      report.add(.found, "first convolution", "\(stem.label), \(shape)\(bias)\(stem.prelude.note)")
    case .failure(let error): report.add(.absent, "first convolution", error.description)
    }
    switch classifier {
    case .success(let head):
      report.add(.found, "last pooling", "\(head.poolingLabel), \(head.features) features")
      report.add(
        .found, "classifier",
        "\(head.label), \(head.classes) classes\(head.hasSoftmax ? ", then Softmax" : ", no Softmax")")
    case .failure(let error): report.add(.absent, "classifier", error.description)
    }
  }
}
