import Foundation
import Testing

@testable import GraphRuntime

/// Values written over each other, viewed, joined and split in place, against the interpreter, which does none of that.
@Suite struct InPlaceTests {
  /// A random graph of images [N, C, 6, 5], C a multiple of 16 or, for some, of 8.
  private struct RandomGraph {
    var graph = Graph()
    var random: SplitMix64
    /// Values with their channels.
    var values: [(id: Value.ID, channels: Int)] = []
    let shape: [Int]

    init(seed: UInt64, images: Int) {
      random = SplitMix64(seed: seed)
      let channels = [16, 32, 24][random.next(below: 3)]
      shape = [images, channels, 6, 5]
      values = [(graph.addInput("x", .tensor(TensorType(.float32, Shape(shape)))), channels)]
      for _ in 0..<14 { grow() }
      // Any value may be asked for, the input and parts of others too.
      for _ in 0..<3 { addOutput(values[random.next(below: values.count)].id) }
      addOutput(values[values.count - 1].id)
    }

    private mutating func addOutput(_ id: Value.ID) { if !graph.outputs.contains(id) { graph.addOutput(id) } }

    /// One of the values, the latest the most likely.
    private mutating func any() -> (id: Value.ID, channels: Int) {
      values[values.count - 1 - min(random.next(below: values.count), random.next(below: values.count))]
    }

    private mutating func grow() {
      let (x, channels) = any()
      switch random.next(below: 9) {
      case 0: values.append((graph.add("Relu", x), channels))
      case 1: values.append((graph.add(["Sigmoid", "Tanh", "Neg"][random.next(below: 3)], x), channels))
      case 2, 3:
        let partners = values.filter { $0.channels == channels }
        let y = partners[random.next(below: partners.count)].id
        let op: OperatorName = ["Add", "Sub", "Max", "Min"][random.next(below: 4)]
        values.append((random.next(below: 2) == 0 ? graph.add(op, x, y) : graph.add(op, y, x), channels))
      case 4, 5:
        // The same value may be joined twice.
        let (y, others) = any()
        guard channels + others <= 128 else { return }
        values.append((graph.add("Concat", x, y, attributes: ["axis": .int(1)]), channels + others))
      case 6:
        guard channels >= 32 else { return }
        let (first, second) = (graph.addValue("first"), graph.addValue("second"))
        let parts = graph.addInitializer("parts", Tensor([16, Int64(channels - 16)], shape: [2]))
        graph.addNode("Split", inputs: [x, parts], outputs: [first, second], attributes: ["axis": .int(1)])
        values += [(first, 16), (second, channels - 16)]
      case 7:
        let flat = graph.addInitializer("flat", Tensor([Int64(shape[0]), Int64(channels), 30], shape: [3]))
        let back = graph.addInitializer("back", Tensor([0, Int64(channels), 6, 5], shape: [4]))
        let viewed = graph.add("Reshape", x, flat)
        values.append(
          (
            graph.add("Reshape", random.next(below: 2) == 0 ? viewed : graph.add("Abs", viewed), back),
            channels
          ))
      default:
        let outputs = 16 * (1 + random.next(below: 3))
        let scale = 1 / Float(channels).squareRoot()
        let weights = (0..<outputs * channels).map { _ in (Float(random.next(below: 2001)) / 1000 - 1) * scale
        }
        let w = graph.addInitializer("w", Tensor(weights, shape: [outputs, channels, 1, 1]))
        values.append((graph.add("Conv", x, w), outputs))
      }
    }
  }

  @Test(arguments: 0..<60) func randomGraphsAgreeWithTheInterpreter(seed: Int) throws {
    let made = RandomGraph(seed: UInt64(seed), images: seed % 3 == 0 ? 2 : 1)
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
