import Foundation
import Testing

@testable import GraphRuntime

/// Values written over each other, viewed, joined and split in place, against the interpreter, which does none of that.
@Suite struct InPlaceTests {
  /// A value of a random graph: images [images, channels, 6, 5].
  private struct Sample {
    let id: Value.ID
    let images, channels: Int
  }

  /// A random graph of images, with channels a multiple of 16 or, for some, of 8.
  private struct RandomGraph {
    var graph = Graph()
    var random: SplitMix64
    var values: [Sample] = []
    let shape: [Int]

    init(seed: UInt64, images: Int) {
      random = SplitMix64(seed: seed)
      let channels = [16, 32, 24][random.next(below: 3)]
      shape = [images, channels, 6, 5]
      let x = graph.addInput("x", .tensor(TensorType(.float32, Shape(shape))))
      values = [Sample(id: x, images: images, channels: channels)]
      for _ in 0..<14 { grow() }
      // Any value may be asked for, the input and parts of others too.
      for _ in 0..<3 { addOutput(values[random.next(below: values.count)].id) }
      addOutput(values[values.count - 1].id)
    }

    private mutating func addOutput(_ id: Value.ID) { if !graph.outputs.contains(id) { graph.addOutput(id) } }

    /// One of the values, the latest the most likely.
    private mutating func any() -> Sample {
      values[values.count - 1 - min(random.next(below: values.count), random.next(below: values.count))]
    }

    private mutating func add(_ id: Value.ID, images: Int, channels: Int) {
      values.append(Sample(id: id, images: images, channels: channels))
    }

    private mutating func grow() {
      let x = any()
      switch random.next(below: 11) {
      case 0: add(graph.add("Relu", x.id), images: x.images, channels: x.channels)
      case 1:
        let op: OperatorName = ["Sigmoid", "Tanh", "Neg"][random.next(below: 3)]
        add(graph.add(op, x.id), images: x.images, channels: x.channels)
      case 2, 3:
        let partners = values.filter { $0.channels == x.channels && $0.images == x.images }
        let y = partners[random.next(below: partners.count)].id
        let op: OperatorName = ["Add", "Sub", "Max", "Min"][random.next(below: 4)]
        add(
          random.next(below: 2) == 0 ? graph.add(op, x.id, y) : graph.add(op, y, x.id), images: x.images,
          channels: x.channels)
      case 4, 5:
        // The same value may be joined twice.
        let y = any()
        guard x.channels + y.channels <= 128, x.images == y.images else { return }
        let joined = graph.add("Concat", x.id, y.id, attributes: ["axis": .int(1)])
        add(joined, images: x.images, channels: x.channels + y.channels)
      case 6:
        guard x.channels >= 32 else { return }
        let (first, second) = split(x.id, at: 16, of: x.channels, axis: 1)
        add(first, images: x.images, channels: 16)
        add(second, images: x.images, channels: x.channels - 16)
      case 7:
        let (images, channels) = (Int64(x.images), Int64(x.channels))
        let flat = graph.addInitializer("flat", Tensor([images, channels, 30], shape: [3]))
        let back = graph.addInitializer("back", Tensor([0, channels, 6, 5], shape: [4]))
        let viewed = graph.add("Reshape", x.id, flat)
        let result = graph.add(
          "Reshape", random.next(below: 2) == 0 ? viewed : graph.add("Abs", viewed), back)
        add(result, images: x.images, channels: x.channels)
      case 8:
        let y = any()
        guard x.channels == y.channels, x.images + y.images <= 6 else { return }
        let joined = graph.add("Concat", x.id, y.id, attributes: ["axis": .int(0)])
        add(joined, images: x.images + y.images, channels: x.channels)
      case 9:
        guard x.images > 1 else { return }
        let (first, second) = split(x.id, at: 1, of: x.images, axis: 0)
        add(first, images: 1, channels: x.channels)
        add(second, images: x.images - 1, channels: x.channels)
      default:
        let outputs = 16 * (1 + random.next(below: 3))
        let scale = 1 / Float(x.channels).squareRoot()
        let weights = (0..<outputs * x.channels).map { _ in
          (Float(random.next(below: 2001)) / 1000 - 1) * scale
        }
        let w = graph.addInitializer("w", Tensor(weights, shape: [outputs, x.channels, 1, 1]))
        add(graph.add("Conv", x.id, w), images: x.images, channels: outputs)
      }
    }

    private mutating func split(_ x: Value.ID, at cut: Int, of extent: Int, axis: Int) -> (Value.ID, Value.ID)
    {
      let (first, second) = (graph.addValue("first"), graph.addValue("second"))
      let parts = graph.addInitializer("parts", Tensor([Int64(cut), Int64(extent - cut)], shape: [2]))
      graph.addNode("Split", inputs: [x, parts], outputs: [first, second], attributes: ["axis": .int(axis)])
      return (first, second)
    }
  }

  @Test(arguments: 0..<90) func randomGraphsAgreeWithTheInterpreter(seed: Int) throws {
    let made = RandomGraph(seed: UInt64(seed), images: 1 + seed % 3)
    var random = SplitMix64(seed: UInt64(seed + 1000))
    let elements = (0..<made.shape.reduce(1, *)).map { _ in Float(random.next(below: 2001)) / 1000 - 1 }
    let expected = try Interpreter(made.graph).run([
      made.graph.inputs[0]: .tensor(Tensor(elements, shape: made.shape))
    ])
    for level in [OptimizationLevel.none, .all] {
      var options = Session.Options()
      options.optimization = level
      options.threads = 1
      let execution = try Execution(Session(made.graph, options: options).plan())
      execution.withInput(0) { $0.copyBytes(from: elements.withUnsafeBytes { Array($0) }) }
      // Once on fresh memory and once on what the run before has left.
      for _ in 0..<2 {
        memset(execution.arena, 0xFF, execution.arenaBytes)
        try execution.run()
        for (index, reference) in expected.enumerated() {
          let want: [Float] = try #require(reference.tensor).elements()
          let got = execution.withOutput(index) { Array($0.bindMemory(to: Float.self)) }
          let scale = max(1, want.map(abs).max() ?? 0)
          #expect(got.count == want.count)
          #expect(zip(got, want).allSatisfy { abs($0 - $1) <= 2e-5 * scale }, "output \(index), \(level)")
        }
      }
    }
  }
}
