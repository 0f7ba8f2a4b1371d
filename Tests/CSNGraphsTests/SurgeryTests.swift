import GraphRuntime
import Testing

@testable import CSNGraphs

@Suite("Backbone surgery")
struct SurgeryTests {
  /// Every spelling of pooling, shaping and classifier.
  static let spellings: [MiniBackbone] = MiniBackbone.Pooling.allCases.flatMap { pooling in
    MiniBackbone.Shaping.allCases.flatMap { shaping in
      MiniBackbone.Dense.allCases.map { MiniBackbone(pooling: pooling, shaping: shaping, dense: $0) }
    }
  }

  @Test("the classifier is found in every spelling", arguments: spellings)
  func findsClassifier(mini: MiniBackbone) throws {
    for hasSoftmax in [true, false] {
      var mini = mini
      mini.hasSoftmax = hasSoftmax
      mini.hasDropout = !hasSoftmax
      let classifier = try Backbone(analyzing: mini.graph()).classifier.get()
      #expect(classifier.features == 16)
      #expect(classifier.classes == 10)
      #expect(classifier.hasSoftmax == hasSoftmax)
      #expect(zip(classifier.weight, mini.classifierWeight).allSatisfy { abs($0 - $1) < 1e-6 })
      #expect(zip(classifier.bias, mini.classifierBias).allSatisfy { abs($0 - $1) < 1e-6 })
    }
  }

  @Test("alpha and beta of Gemm belong to the classifier")
  func readsGemmFactors() throws {
    var graph = Graph()
    let input = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N"), 3, 8, 8])))
    let pooled = graph.add("GlobalAveragePool", input)
    let flat = graph.add("Flatten", pooled)
    let weight = graph.addInitializer("w", Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [3, 2]))
    let bias = graph.addInitializer("b", Tensor([1] as [Float], shape: [1]))
    graph.addOutput(
      graph.add("Gemm", flat, weight, bias, attributes: ["alpha": .float(2), "beta": .float(3)]))
    let classifier = try Backbone(analyzing: graph).classifier.get()
    #expect(classifier.weight == [2, 6, 10, 4, 8, 12])
    #expect(classifier.bias == [3, 3])
  }

  @Test("of several outputs, the deepest that ends in a classifier counts")
  func takesDeepestOutput() throws {
    var graph = MiniBackbone().graph()
    let early = graph.add("GlobalAveragePool", graph.nodes[2].outputs[0]!)
    let flat = graph.add("Flatten", early)
    let weight = graph.addInitializer(
      "aux.w", MiniBackbone.tensor(MiniBackbone.numbers(640, seed: 9), 64, 10))
    graph.addOutput(graph.add("Gemm", flat, weight, name: "aux"))
    #expect(try Backbone(analyzing: graph).classifier.get().label == "fc (Gemm)")
  }

  @Test("a trunk has filters and no classifier, and says why")
  func trunkWithoutClassifier() throws {
    var graph = Graph()
    let input = graph.addInput(
      "x", .tensor(TensorType(.float32, [.symbol("N"), 3, .symbol("H"), .symbol("W")])))
    let weight = graph.addInitializer("w", MiniBackbone.tensor(MiniBackbone().stemWeight, 64, 3, 7, 7))
    graph.addOutput(graph.add("Relu", graph.add("Conv", input, weight, name: "stem"), name: "end"))
    let backbone = try Backbone(analyzing: graph)
    #expect(try backbone.stem.get().shape == [64, 3, 7, 7])
    #expect(backbone.inputSize == (224, 224))
    let error = #expect(throws: CSNError.self) { try backbone.classifier.get() }
    #expect(error?.description.contains("end (Relu) is not a classifier") == true)
    #expect(throws: CSNError.self) { try CSNBuilder.build(from: graph, options: CSNOptions(version: .v1)) }
  }

  @Test("a pooling that leaves more than one pixel is refused with its extents")
  func refusesPartialPooling() throws {
    var graph = Graph()
    let input = graph.addInput("x", .tensor(TensorType(.float32, [1, 3, 8, 8])))
    let pooled = graph.add(
      "AveragePool", input, attributes: ["kernel_shape": .ints([4, 4]), "strides": .ints([4, 4])],
      name: "pool")
    let weight = graph.addInitializer("w", MiniBackbone.tensor(MiniBackbone.numbers(24, seed: 1), 12, 2))
    graph.addOutput(graph.add("Gemm", graph.add("Flatten", pooled), weight, name: "fc"))
    let error = #expect(throws: CSNError.self) { try Backbone(analyzing: graph).classifier.get() }
    #expect(error?.description.contains("pools 4x4 of float[1, 3, 8, 8]") == true)
  }

  @Test("a network without one input of pictures is refused")
  func refusesOtherInputs() {
    var graph = Graph()
    let input = graph.addInput("tokens", .tensor(TensorType(.int64, [.symbol("N"), 128])))
    graph.addOutput(graph.add("Identity", input))
    let error = #expect(throws: CSNError.self) { try Backbone(analyzing: graph) }
    #expect(error?.description.contains("'tokens' int64[N, 128]") == true)
  }

  @Test("what the network does to its input is worked into the filters")
  func measuresPrelude() throws {
    // A network that takes RGB 0..255, turns it to BGR and takes off a mean, as Keras preprocessing layers do.
    var graph = Graph()
    let input = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N"), 8, 8, 3])))
    let planes = graph.add("Transpose", input, attributes: ["perm": .ints([0, 3, 1, 2])])
    let order = graph.addInitializer("order", Tensor([2, 1, 0] as [Int64], shape: [3]))
    let turned = graph.add("Gather", planes, order, attributes: ["axis": .int(1)])
    let mean = graph.addInitializer("mean", Tensor([104, 117, 123] as [Float], shape: [1, 3, 1, 1]))
    let centred = graph.add("Sub", turned, mean)
    let values = MiniBackbone().stemWeight
    let weight = graph.addInitializer("w", MiniBackbone.tensor(values, 64, 3, 7, 7))
    graph.addOutput(graph.add("Conv", centred, weight, attributes: ["pads": .ints([3, 3, 3, 3])]))
    let backbone = try Backbone(analyzing: graph)
    let stem = try backbone.stem.get()
    #expect(backbone.layout == .channelsLast)
    for (channel, source) in [2, 1, 0].enumerated() {
      #expect(abs(stem.weights[channel * 49 + 10] - values[source * 49 + 10]) < 1e-5)
    }
    #expect(zip(stem.prelude.offset, [-104, -117, -123]).allSatisfy { abs($0 - $1) < 1e-3 })
    #expect(PreprocessingJudge.judge(backbone).preprocessing == .raw)
  }

  @Test("torchvision's GoogLeNet rescales its input channel by channel")
  func measuresChannelwisePrelude() throws {
    var graph = Graph()
    let input = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N"), 3, 16, 16])))
    let axis = graph.addInitializer("axis", Tensor([1] as [Int64], shape: [1]))
    let planes = [(0.458, -0.03), (0.448, -0.088), (0.45, -0.188)].enumerated().map { channel, map in
      let index = graph.addInitializer("index", Tensor(scalar: Int64(channel)))
      let plane = graph.add(
        "Unsqueeze", graph.add("Gather", input, index, attributes: ["axis": .int(1)]), axis)
      let factor = graph.addInitializer("factor", Tensor(scalar: Float(map.0)))
      let term = graph.addInitializer("term", Tensor(scalar: Float(map.1)))
      return graph.add("Add", graph.add("Mul", plane, factor), term)
    }
    let joined = graph.addValue("joined")
    graph.addNode("Concat", inputs: planes, outputs: [joined], attributes: ["axis": .int(1)])
    let weight = graph.addInitializer("w", MiniBackbone.tensor(MiniBackbone().stemWeight, 64, 3, 7, 7))
    graph.addOutput(graph.add("Conv", joined, weight, name: "conv1"))
    let backbone = try Backbone(analyzing: graph)
    let prelude = try backbone.stem.get().prelude
    #expect(abs(prelude.matrix[1][1] - 0.448) < 1e-6 && abs(prelude.matrix[0][1]) < 1e-6)
    #expect(PreprocessingJudge.judge(backbone).preprocessing == .imagenet)
  }

  /// Weights that are sums of a hundred sums of a hundred sums... of one constant: a few nodes, 10^14 evaluations.
  @Test("constants are computed once each, however often they are read", .timeLimit(.minutes(5)))
  func resolvesEveryConstantOnce() throws {
    var graph = Graph()
    let input = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N"), 2, 8, 8])))
    var weight = graph.addInitializer("w", Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]))
    for _ in 0..<7 {
      let sum = graph.addValue("sum")
      graph.addNode("Sum", inputs: Array(repeating: weight, count: 100), outputs: [sum])
      weight = sum
    }
    graph.addOutput(graph.add("Gemm", graph.add("Flatten", graph.add("GlobalAveragePool", input)), weight))
    let resolver = ConstantResolver(graph)
    let elements = try #require(resolver.floats(weight)).elements
    #expect(zip(elements, 1...6).allSatisfy { abs($0 / Double($1) - 1e14) < 1e9 })
  }

  @Test("a first convolution wider than any is not measured", .timeLimit(.minutes(5)))
  func refusesVastFilters() throws {
    var graph = Graph()
    let input = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N"), 3, 600, 600])))
    let weight = graph.addInitializer(
      "w", Tensor([Float](repeating: 1, count: 3 * 600 * 600), shape: [1, 3, 600, 600]))
    graph.addOutput(graph.add("Conv", input, weight, name: "stem"))
    let error = #expect(throws: CSNError.self) { try Backbone(analyzing: graph).stem.get() }
    #expect(error?.description.contains("stem (Conv) has filters of 600x600, more than 31x31") == true)
  }

  @Test("a long chain of additions is refused, not followed")
  func refusesChains() throws {
    var graph = Graph()
    let input = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N"), 3, 8, 8])))
    let one = graph.addInitializer("one", Tensor([1] as [Float], shape: [1]))
    var value = graph.add("Flatten", graph.add("GlobalAveragePool", input))
    for _ in 0..<2000 { value = graph.add("Add", value, one) }
    graph.addOutput(value)
    #expect(throws: CSNError.self) { try Backbone(analyzing: graph).classifier.get() }
  }
}

@Suite("Judging the preprocessing")
struct PreprocessingTests {
  @Test(
    "a BatchNormalization's record tells the input's range, folded or not",
    arguments: [
      (0.0, 62.0, Preprocessing.caffe), (115, 62, .raw), (0, 1.0, .imagenet), (0.45, 0.25, .unit),
      (-0.1, 0.5, .tf),
    ])
  func judges(mean: Double, deviation: Double, expected: Preprocessing) throws {
    for normalization in [MiniBackbone.Normalization.batch, .folded] {
      let mini = MiniBackbone(normalization: normalization, inputMean: mean, inputDeviation: deviation)
      let (judged, reason) = PreprocessingJudge.judge(try Backbone(analyzing: mini.graph()))
      #expect(judged == expected, "\(normalization): \(reason)")
    }
  }

  @Test("the preprocessing nodes compute what the option says", arguments: Preprocessing.allCases)
  func appends(preprocessing: Preprocessing) throws {
    var graph = Graph()
    let images = graph.addInput("images", .tensor(TensorType(.float32, [1, 3, 1, 1])))
    graph.addOutput(preprocessing.append(to: &graph, images: images, prefix: ""))
    let result = try Interpreter(graph).run([
      images: .tensor(Tensor([0.2, 0.4, 0.6] as [Float], shape: [1, 3, 1, 1]))
    ])
    let expected: [Float] =
      switch preprocessing {
      case .imagenet: [(0.2 - 0.485) / 0.229, (0.4 - 0.456) / 0.224, (0.6 - 0.406) / 0.225]
      case .caffe: [0.6 * 255 - 104, 0.4 * 255 - 117, 0.2 * 255 - 123]
      case .unit: [0.2, 0.4, 0.6]
      case .raw: [51, 102, 153]
      case .tf: [-0.6, -0.2, 0.2]
      }
    let elements = try #require(result[0].tensor).elements(Float.self)
    #expect(zip(elements, expected).allSatisfy { abs($0 - $1) < 1e-4 })
  }
}
