import GraphRuntime
import Testing

@testable import CSNGraphs

@Suite("Fusion graphs")
struct FusionTests {
  static func analytic(_ rule: FusionRule = .auto) throws -> Session {
    try Session(FusionGraphBuilder.buildAnalytic(options: FusionOptions(rule: rule)).graph)
  }

  /// Colour pictures with edges and texture, in 0..1.
  static func picture(height: Int, width: Int, seed: UInt64) -> [Float] {
    let noise = MiniBackbone.numbers(3 * height * width, seed: seed)
    return (0..<3 * height * width).map { index in
      let (channel, y, x) = (index / (height * width), index / width % height, index % width)
      let edge: Double = (x / 5 + y / 4 + Int(seed)) % 2 == 0 ? 0.35 : 0.6
      return Float(min(1, max(0, edge + 0.1 * Double(channel) + 0.15 * noise[index])))
    }
  }

  static func fuse(
    _ session: Session, _ pictures: [[Float]], height: Int, width: Int, output: String = "fused"
  ) throws
    -> [Float]
  {
    let images = Tensor(pictures.flatMap { $0 }, shape: [pictures.count, 3, height, width])
    let result = try #require(try session.run(["images": images], outputs: [output])[output])
    #expect(result.shape == [1, 3, height, width])
    return result.elements(Float.self)
  }

  static func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
    zip(a, b).map { abs($0 - $1) }.max() ?? 0
  }

  @Test(
    "a picture fused with itself comes back, of any size, once or five times",
    arguments: [FusionRule.max, .mean], [(1, 1), (3, 40), (7, 5), (33, 47)])
  func selfFusion(rule: FusionRule, size: (height: Int, width: Int)) throws {
    let session = try Self.analytic(rule)
    let picture = Self.picture(height: size.height, width: size.width, seed: 2)
    for count in [1, 2, 5] {
      let fused = try Self.fuse(
        session, [[Float]](repeating: picture, count: count), height: size.height, width: size.width)
      #expect(Self.largestDifference(fused, picture) < 1e-4)
    }
  }

  @Test("the order of the pictures does not matter", arguments: FusionRule.allCases)
  func orderDoesNotMatter(rule: FusionRule) throws {
    let session = try Self.analytic(rule)
    let pictures = (1...3).map { Self.picture(height: 20, width: 24, seed: UInt64($0)) }
    let straight = try Self.fuse(session, pictures, height: 20, width: 24)
    let turned = try Self.fuse(session, [pictures[2], pictures[0], pictures[1]], height: 20, width: 24)
    #expect(Self.largestDifference(straight, turned) < 1e-5)
  }

  @Test("the mean rule gives the mean luma, and the sum rule the mean with the details of all")
  func meanAndSum() throws {
    let (height, width) = (30, 30)
    let grey = (1...2).map { seed in
      let plane = Self.picture(height: height, width: width, seed: UInt64(seed)).prefix(height * width)
      return plane.map { 0.25 + 0.5 * $0 } + plane.map { 0.25 + 0.5 * $0 } + plane.map { 0.25 + 0.5 * $0 }
    }
    let session = try Self.analytic(.mean)
    let mean = try Self.fuse(session, grey, height: height, width: width)
    let expected = zip(grey[0], grey[1]).map { ($0 + $1) / 2 }
    #expect(Self.largestDifference(mean, expected) < 1e-4)
    let sum = try Self.fuse(session, grey, height: height, width: width, output: "fused_sum")
    let (brightness, wanted) = (sum.reduce(0, +) / Float(sum.count), expected.reduce(0, +) / Float(sum.count))
    #expect(abs(brightness - wanted) < 0.02)
    func contrast(_ values: [Float]) -> Float {
      let mean = values.reduce(0, +) / Float(values.count)
      return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    }
    #expect(contrast(sum) > 1.5 * contrast(mean))
  }

  @Test("under max the sharp half of each picture survives")
  func maximumKeepsSharpHalves() throws {
    let (height, width) = (48, 64)
    let sharp = Self.picture(height: height, width: width, seed: 5)
    let blurred = Self.blur(sharp, height: height, width: width)
    func half(_ left: [Float], _ right: [Float]) -> [Float] {
      left.indices.map { $0 % width < width / 2 ? left[$0] : right[$0] }
    }
    let session = try Self.analytic()
    let fused = try Self.fuse(
      session, [half(sharp, blurred), half(blurred, sharp)], height: height, width: width)
    func error(_ a: [Float]) -> Float { zip(a, sharp).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
    #expect(error(fused) < 0.25 * error(half(sharp, blurred)))
  }

  static func blur(_ picture: [Float], height: Int, width: Int) -> [Float] {
    picture.indices.map { index in
      let (plane, y, x) = (index / (height * width), index / width % height, index % width)
      var sum: Float = 0
      for dy in -2...2 {
        for dx in -2...2 {
          let (row, column) = (min(max(y + dy, 0), height - 1), min(max(x + dx, 0), width - 1))
          sum += picture[(plane * height + row) * width + column]
        }
      }
      return sum / 25
    }
  }

  @Test("grey pictures give a grey one")
  func greyStaysGrey() throws {
    let (height, width) = (21, 17)
    let pictures = (1...2).map { seed in
      let plane = Array(Self.picture(height: height, width: width, seed: UInt64(seed)).prefix(height * width))
      return plane + plane + plane
    }
    let fused = try Self.fuse(Self.analytic(), pictures, height: height, width: width).chunks(
      of: height * width)
    #expect(Self.largestDifference(Array(fused[0]), Array(fused[1])) < 1e-6)
    #expect(Self.largestDifference(Array(fused[0]), Array(fused[2])) < 1e-6)
  }

  @Test("a grey picture beside a coloured one takes no colour away")
  func colourIsCarried() throws {
    let (height, width) = (24, 24)
    let area = height * width
    let red = [Float](repeating: 0.7, count: area) + [Float](repeating: 0.2, count: 2 * area)
    let grey = [Float](repeating: 0.4, count: 3 * area)
    let fused = try Self.fuse(Self.analytic(), [red, grey], height: height, width: width)
    #expect(abs((fused[300] - fused[area + 300]) - 0.5) < 0.01)
  }

  @Test("two backbones, one without classifier: filters of both, outputs of the one")
  func twoBackbones() throws {
    var trunk = Graph(name: "trunk")
    let input = trunk.addInput(
      "x", .tensor(TensorType(.float32, [.symbol("N"), 3, .symbol("H"), .symbol("W")])))
    let weight = trunk.addInitializer(
      "w", MiniBackbone.tensor(MiniBackbone.numbers(64 * 147, seed: 77, scale: 0.2), 64, 3, 7, 7))
    trunk.addOutput(trunk.add("Conv", input, weight, name: "conv1"))
    let built = try FusionGraphBuilder.build(
      from: [trunk, MiniBackbone().graph()], options: FusionOptions(preprocessing: [.imagenet, .unit]))
    let names = built.graph.outputs.map { built.graph[$0].name }
    #expect(names == ["fused", "probabilities", "features", "similarity", "fused_mean", "fused_sum"])
    #expect(built.graph.metadata[CSNMetadata.version] == "v2")
    #expect(built.report.lines.contains("derived decoder: dual of the filters of CSN v1 and CSN v2"))
    let pictures = Tensor(
      (1...3).flatMap { Self.picture(height: 40, width: 52, seed: UInt64($0)) }, shape: [3, 3, 40, 52])
    let outputs = try Session(built.graph).run(["images": pictures])
    #expect(outputs["fused"]?.shape == [1, 3, 40, 52])
    #expect(outputs["probabilities"]?.shape == [3, 10])
    #expect(outputs["features"]?.shape == [3, 32])
    #expect(outputs["similarity"]?.shape == [3, 3])
    let itself = Self.picture(height: 40, width: 52, seed: 9)
    let fused = try Self.fuse(Session(built.graph), [itself, itself], height: 40, width: 52)
    #expect(Self.largestDifference(fused, itself) < 5e-4)
  }

  @Test("trained fusion weights are loaded, with room for their kernels")
  func loadsFeatureMaps() throws {
    // A 3x3 map that is the identity in its middle: the same result by another way.
    func identity() -> Tensor {
      Tensor(
        (0..<64 * 64 * 9).map { $0 % 9 == 4 && $0 / 9 / 64 == $0 / 9 % 64 ? Float(1) : 0 },
        shape: [64, 64, 3, 3])
    }
    let options = FusionOptions(head: ["fm.v1.weight": identity(), "fm.v3.weight": identity()])
    let built = try FusionGraphBuilder.buildAnalytic(options: options)
    #expect(built.report.lines.contains("loaded fm.v1: 3x3"))
    let pictures = (1...2).map { Self.picture(height: 12, width: 15, seed: UInt64($0)) }
    let trained = try Self.fuse(Session(built.graph), pictures, height: 12, width: 15)
    let plain = try Self.fuse(Self.analytic(), pictures, height: 12, width: 15)
    #expect(Self.largestDifference(trained, plain) < 1e-5)
    #expect(throws: CSNError.self) {
      try FusionGraphBuilder.buildAnalytic(
        options: FusionOptions(head: [
          "fm.v1.weight": Tensor([Float](repeating: 0, count: 16384), shape: [64, 64, 2, 2])
        ]))
    }
  }

  @Test("a wrong number of backbones or preprocessings is refused")
  func refusesCounts() {
    #expect(throws: CSNError.self) { try FusionGraphBuilder.build(from: []) }
    let graph = MiniBackbone().graph()
    #expect(throws: CSNError.self) { try FusionGraphBuilder.build(from: [graph, graph, graph]) }
    #expect(throws: CSNError.self) {
      try FusionGraphBuilder.build(from: [graph], options: FusionOptions(preprocessing: [.unit, .raw]))
    }
  }
}
