import GraphRuntime
import Testing

@testable import CSNGraphs

@Suite("CSN graphs")
struct CSNTests {
  /// Pictures of 3 x side x side in 0..1.
  static func pictures(_ count: Int, side: Int = 32, seed: UInt64 = 3) -> Tensor {
    let values = MiniBackbone.numbers(count * 3 * side * side, seed: seed).map { Float(0.5 + 0.5 * $0) }
    return Tensor(values, shape: [count, 3, side, side])
  }

  static func run(_ graph: Graph, _ images: Tensor) throws -> [String: Tensor] {
    try Session(graph).run(["images": images])
  }

  static func elements(_ outputs: [String: Tensor], _ name: String) throws -> [Float] {
    try #require(outputs[name]).elements(Float.self)
  }

  @Test(
    "with as many dimensions as classes, derived layers keep the classifier's probabilities",
    arguments: CSNVersion.allCases, Integration.allCases)
  func keepsProbabilities(version: CSNVersion, integration: Integration) throws {
    for channelsLast in [false, true] {
      let mini = MiniBackbone(channelsLast: channelsLast)
      let built = try CSNBuilder.build(
        from: mini.graph(),
        options: CSNOptions(version: version, integration: integration, preprocessing: .unit))
      let images = Self.pictures(1)
      let outputs = try Self.run(built.graph, images)
      #expect(outputs["features"]?.shape == [1, 32])
      var input = images
      if channelsLast {
        let planes = images.elements(Float.self)
        let interleaved: [Float] = (0..<3072).map { (index: Int) -> Float in
          planes[index % 3 * 1024 + index / 3]
        }
        input = Tensor(interleaved, shape: [1, 32, 32, 3])
      }
      let expected = try mini.probabilities(input)
      let found = try Self.elements(outputs, "probabilities")
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 2e-5 })
    }
  }

  @Test(
    "narrow layers carry signed features too", arguments: [[12, 10], [10], [64, 11, 40, 10], [300, 20]])
  func narrowLayers(widths: [Int]) throws {
    let mini = MiniBackbone()
    let built = try CSNBuilder.build(
      from: mini.graph(), options: CSNOptions(version: .v2, widths: widths, preprocessing: .unit))
    let images = Self.pictures(1)
    let outputs = try Self.run(built.graph, images)
    #expect(outputs["features"]?.shape == [1, widths.last!])
    let found = try Self.elements(outputs, "probabilities")
    #expect(zip(found, try mini.probabilities(images)).allSatisfy { abs($0 - $1) < 2e-5 })
  }

  @Test(
    "similarity is symmetric, highest on the diagonal, and falls with distance",
    arguments: Integration.allCases)
  func similarityBehaves(integration: Integration) throws {
    var mini = MiniBackbone()
    // Scores as far apart as a trained classifier's.
    mini.classes = 20
    let built = try CSNBuilder.build(
      from: mini.graph(), options: CSNOptions(version: .v2, integration: integration, preprocessing: .raw))
    let count = 5
    let outputs = try Self.run(built.graph, Self.pictures(count))
    let scores = try Self.elements(outputs, "similarity")
    let features = try Self.elements(outputs, "features")
    #expect(outputs["similarity"]?.shape == [count, count])
    var pairs: [(distance: Float, score: Float)] = []
    for i in 0..<count {
      for j in 0..<count {
        #expect(scores[i * count + j] == scores[j * count + i])
        #expect((0...1).contains(scores[i * count + j]))
        let distance = (0..<32).reduce(Float(0)) { sum, k in
          let difference = features[i * 32 + k] - features[j * 32 + k]
          return sum + difference * difference
        }
        pairs.append((distance, scores[i * count + j]))
      }
    }
    guard integration == .squaredDifference else { return }
    for i in 0..<count { #expect(scores[i * count + i] > 0.99) }
    pairs.sort { $0.distance < $1.distance }
    #expect(zip(pairs, pairs.dropFirst()).allSatisfy { $0.score >= $1.score - 1e-6 })
  }

  @Test("one batched pass gives what single pictures give")
  func batching() throws {
    let built = try CSNBuilder.build(
      from: MiniBackbone().graph(), options: CSNOptions(version: .v1, preprocessing: .imagenet))
    let both = Self.pictures(2)
    let single = Tensor(Array(both.elements(Float.self).suffix(3 * 32 * 32)), shape: [1, 3, 32, 32])
    let batched = try Self.elements(try Self.run(built.graph, both), "probabilities").suffix(10)
    let alone = try Self.elements(try Self.run(built.graph, single), "probabilities")
    #expect(zip(batched, alone).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test("impossible options are refused in words")
  func refusesOptions() throws {
    let graph = MiniBackbone().graph()
    func refused(_ options: CSNOptions) -> String {
      do {
        _ = try CSNBuilder.build(from: graph, options: options)
        return ""
      } catch { return "\(error)" }
    }
    #expect(refused(CSNOptions(version: .v1, widths: [])).contains("widths are 1 to 64 numbers"))
    #expect(refused(CSNOptions(version: .v1, widths: [8, -1])).contains("not 8,-1"))
    #expect(refused(CSNOptions(version: .v1, classCount: 7)).contains("the classifier has 10 classes, not 7"))
    #expect(refused(CSNOptions(version: .v1, labels: ["a"], classCount: 10)).contains("1 class names"))
    #expect(refused(CSNOptions(version: .v1, widths: [1], integration: .product)).contains("leaves nothing"))
  }

  @Test("the report says what was found, judged and derived, and the graph carries it")
  func reports() throws {
    let labels = (0..<10).map { "class \($0)" }
    let built = try CSNBuilder.build(
      from: MiniBackbone(normalization: .batch).graph(), options: CSNOptions(version: .v2, labels: labels))
    #expect(
      built.report.lines == [
        "found input: 'data' float[N, 3, 32, 32], NCHW",
        "found first convolution: stem (Conv), 64x3x7x7",
        "found last pooling: pool (GlobalAveragePool), 16 features",
        "found classifier: fc (Gemm), 10 classes, then Softmax",
        built.report.lines[4],
        "derived fc1..fc4: 16-512-256-128-32, from the factorisation of the classifier at rank 10",
        "derived output: 10 classes, from the same factorisation",
        "derived similarity: from the distance of the features (squared-difference, 256, score)",
      ])
    #expect(
      built.report.lines[4].hasPrefix("judged preprocessing: caffe (the first BatchNormalization's record"))
    #expect(built.graph.metadata[CSNMetadata.labels] == labels.joined(separator: "\n"))
    #expect(built.graph.metadata[CSNMetadata.kind] == "csn")
  }
}

@Suite("Trained heads")
struct HeadTests {
  /// Weights for a CSN over 16 features with the given widths.
  static func head(widths: [Int], classes: Int) -> [String: Tensor] {
    var head: [String: Tensor] = [:]
    func add(_ name: String, _ shape: Int..., positive: Bool = false) {
      let count = shape.reduce(1, *)
      let values = MiniBackbone.numbers(count, seed: UInt64(head.count + 1), scale: 0.3)
      head[name] = Tensor(values.map { Float(positive ? 0.5 + $0 : $0) }, shape: shape)
    }
    func normalization(_ name: String, _ width: Int) {
      for part in ["weight", "bias", "running_mean"] { add("\(name).\(part)", width) }
      add("\(name).running_var", width, positive: true)
    }
    var width = 16
    for (index, next) in widths.enumerated() {
      add("fc\(index + 1).weight", next, width)
      add("fc\(index + 1).bias", next)
      normalization("bn\(index + 1)", next)
      width = next
    }
    add("output.weight", classes, width)
    add("output.bias", classes)
    add("similarity.fc.weight", 256, width)
    add("similarity.fc.bias", 256)
    normalization("similarity.bn", 256)
    add("similarity.output.weight", 1, 256)
    add("similarity.output.bias", 1)
    return head
  }

  @Test("a whole head is loaded, its widths and classes with it")
  func loads() throws {
    let head = Self.head(widths: [24, 8], classes: 3)
    let built = try CSNBuilder.build(
      from: MiniBackbone().graph(), options: CSNOptions(version: .v2, preprocessing: .unit, head: head))
    let outputs = try CSNTests.run(built.graph, CSNTests.pictures(2))
    #expect(outputs["features"]?.shape == [2, 8])
    #expect(outputs["probabilities"]?.shape == [2, 3])
    #expect(built.report.entries.allSatisfy { $0.origin != .derived })
    let kept = built.graph.initializers.contains { id, tensor in
      built.graph[id].name == "fc1.weight"
        && tensor.elements(Float.self) == head["fc1.weight"]!.elements(Float.self)
    }
    #expect(kept)
  }

  @Test("missing, misshapen, leftover and broken weights are named")
  func refuses() throws {
    let whole = Self.head(widths: [24, 8], classes: 3)
    func refused(_ change: (inout [String: Tensor]) -> Void, widths: [Int]? = nil) -> String {
      var head = whole
      change(&head)
      do {
        _ = try CSNBuilder.build(
          from: MiniBackbone().graph(), options: CSNOptions(version: .v2, widths: widths, head: head))
        return ""
      } catch { return "\(error)" }
    }
    #expect(refused { $0["bn2.running_var"] = nil }.contains("has no 'bn2.running_var' [8]"))
    #expect(refused({ _ in }, widths: [24, 9]).contains("'fc2.weight' is [8,24], where [9,24] is needed"))
    #expect(
      refused { $0["extra"] = Tensor([1] as [Float], shape: [1]) }.contains(
        "no layer takes the head's 'extra'"))
    #expect(
      refused { $0["output.bias"] = Tensor([1, .nan, 1] as [Float], shape: [3]) }.contains("not finite"))
    #expect(refused { $0["output.bias"] = Tensor([1, 2, 3] as [Int32], shape: [3]) }.contains("holds int32"))
    #expect(
      refused { $0["bn1.running_var"] = Tensor([Float](repeating: -1, count: 24), shape: [24]) }.contains(
        "negative variance"))
  }

  @Test("a similarity network alone is loaded on derived features")
  func loadsSimilarityAlone() throws {
    let head = Self.head(widths: [32], classes: 10).filter { $0.key.hasPrefix("similarity.") }
    let built = try CSNBuilder.build(
      from: MiniBackbone().graph(), options: CSNOptions(version: .v2, head: head))
    let origins = built.report.entries.suffix(3).map(\.origin)
    #expect(origins == [.derived, .derived, .loaded])
  }
}
