import Foundation
import Glibc
import ONNXParse
import TestSupport
import Testing

@testable import GraphRuntime

/// Where a session's constants lie: in their file as long as no kernel needs them elsewhere.
@Suite struct ConstantPlacementTests {
  /// Bytes of the weights.
  private static let convolution = 64 * 64 * 3 * 3 * 4
  private static let product = 10 * 64 * 4

  /// Conv, global pooling, Gemm; with every constant `shift` bytes off the multiple of 64.
  private func network(shift: Int, shape: Shape = [1, 64, 12, 12]) throws -> Graph {
    var graph = Graph()
    func constant(_ shape: Int..., seed: UInt64) throws -> Value.ID {
      var noise = Noise(seed)
      let values = (0..<shape.reduce(1, *)).map { _ in noise.next() }
      let bytes = values.withUnsafeBytes { source in
        ByteRegion(count: shift + source.count) { target in
          UnsafeMutableRawBufferPointer(rebasing: target[shift...]).copyMemory(from: source)
        }
      }
      return graph.addInitializer("w", try Tensor(.float32, shape: shape, bytes: bytes[shift..<bytes.count]))
    }
    let x = graph.addInput("x", .tensor(TensorType(.float32, shape)))
    let y = graph.add(
      "Conv", x, try constant(64, 64, 3, 3, seed: 1), try constant(64, seed: 2),
      attributes: ["pads": .ints([1, 1, 1, 1])])
    let pooled = graph.add("Flatten", graph.add("GlobalAveragePool", y))
    graph.addOutput(
      graph.add(
        "Gemm", pooled, try constant(10, 64, seed: 3), try constant(10, seed: 4),
        // Scaled products are not packed.
        attributes: ["transB": .int(1), "alpha": .float(0.5)], output: "y"))
    return graph
  }

  private let input = Tensor((0..<64 * 144).map { Float($0 % 23) / 23 }, shape: [1, 64, 12, 12])

  private func constants(of session: Session) throws -> [ByteRegion] {
    guard case .frozen(let frozen) = try session.plan(for: ["x": [1, 64, 12, 12]]).body else { return [] }
    return frozen.lastReads.map(\.bytes)
  }

  @Test func onlyWhatStepsReadIsAligned() throws {
    let graph = try network(shift: 1)
    let session = try Session(graph)
    for (id, tensor) in session.graph.initializers {
      #expect(tensor.bytes?.start == graph.initializers[id]?.bytes?.start)
    }
    let read = try constants(of: session)
    #expect(read.allSatisfy { $0.isAligned(to: 4) })
    // The product's weights are read as they are, the convolution's are packed.
    #expect(read.contains { $0.count == Self.product })
    #expect(!read.contains { $0.count == Self.convolution })
    let expected = try Session(network(shift: 0)).run(["x": input])
    #expect(try session.run(["x": input])["y"]?.elements(Float.self) == expected["y"]?.elements())
  }

  @Test func plansShareTheCopies() throws {
    let session = try Session(network(shift: 2, shape: [1, 64, .symbol("H"), 12]))
    let first = try constants(of: session)
    guard case .frozen(let frozen) = try session.plan(for: ["x": [1, 64, 13, 12]]).body else { return }
    let copies = [first, frozen.lastReads.map(\.bytes)].map { bytes in
      Set(bytes.filter { $0.count == Self.product }.map(\.start))
    }
    #expect(copies[0].count == 1 && copies[0] == copies[1])
  }

  @Test func theInterpreterGetsAlignedCopies() throws {
    var graph = Graph()
    let x = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N")])))
    let bytes = ByteRegion([0, 0, 0, 0, 0x40] as [UInt8])
    let two = graph.addInitializer("two", try Tensor(.float32, shape: [1], bytes: bytes[1..<5]))
    let found = graph.add("Cast", graph.add("NonZero", x), attributes: ["to": .int(1)])
    graph.addOutput(graph.add("Mul", found, two, output: "y"))
    let session = try Session(graph)
    guard case .interpreted(let planned, _) = try session.plan(for: ["x": [2]]).body else {
      Issue.record("the plan is not the interpreter's")
      return
    }
    #expect(planned.initializers.values.allSatisfy { $0.isAligned })
    #expect(try session.run(["x": Tensor([Float(0), 3], shape: [2])])["y"]?.elements() == [Float(2)])
  }

  @Test func mappedWeightsGoWhenTheyAreReadForTheLastTime() throws {
    let folder = try TemporaryFolder()
    try GraphFile.write(network(shift: 0).compiled(), to: folder.path("x.graph"))
    let expected = try Session(network(shift: 0)).run(["x": input])["y"]?.elements(Float.self)
    for releases in [false, true] {
      let file = try ByteRegion(contentsOf: folder.path("x.graph"))
      var options = Session.Options()
      options.releasesWeights = releases
      let session = try Session(GraphFile.read(file), options: options)
      for _ in 0..<2 { #expect(try session.run(["x": input])["y"]?.elements() == expected) }
      let resident = try residentBytes(of: file)
      // What is read brings its neighbourhood along, 64 KB at a time.
      #expect(releases ? resident <= file.count / 2 : resident > file.count / 2)
    }
  }

  @Test func packingLeavesTheFilesWeightsBehind() throws {
    let folder = try TemporaryFolder()
    try GraphFile.write(network(shift: 0), to: folder.path("x.graph"))
    let file = try ByteRegion(contentsOf: folder.path("x.graph"))
    let graph = try GraphFile.read(file)
    let weights = try #require(graph.initializers.values.first { $0.bytes?.count == Self.convolution }?.bytes)
    let before = weights.withUnsafeBytes { $0.reduce(0) { $0 &+ Int($1) } }
    let session = try Session(graph)
    #expect(try residentBytes(of: file) <= file.count - Self.convolution / 3)
    #expect(session.graph.initializers.count == 4)
    #expect(weights.withUnsafeBytes { $0.reduce(0) { $0 &+ Int($1) } } == before)
  }

  @Test func weightsFoldedIntoAreMadeToBePackedAndGo() throws {
    let network = graph([1, 64, 9, 9]) { g, x in
      let weights = g.noise(64, 64, 3, 3)
      let statistics = [g.noise(64), g.noise(64), g.noise(64), g.noise(64, plus: 1.5)]
      return ["a", "b"].map { name in
        let input = name == "a" ? x : g.add("Neg", x)
        return g.add(
          "BatchNormalization", g.add("Conv", input, weights), statistics[0], statistics[1], statistics[2],
          statistics[3], output: name)
      }
    }
    let session = try Session(network)
    let folded = session.graph.nodes.filter { $0.op == "Conv" }.compactMap { $0.input(1) }
    // Twin branches go on sharing their weights.
    #expect(folded.count == 2 && folded[0] == folded[1])
    let deferred = try #require(session.graph.initializers[folded[0]]?.deferred)
    #expect(!deferred.isInUse)
    let expected = try network.outputsOnNoise()
    let results = try session.graph.outputsOnNoise()
    for (a, b) in zip(expected, results) {
      #expect(zip(a.elements(Float.self), b.elements(Float.self)).allSatisfy { abs($0 - $1) < 1e-3 })
    }
    let folder = try TemporaryFolder()
    try GraphFile.write(session.compiledGraph, to: folder.path("x.graph"))
    let read = try Session(Graph(contentsOf: folder.path("x.graph")))
    let x = Tensor((0..<64 * 81).map { Float($0 % 19) / 19 }, shape: [1, 64, 9, 9])
    for name in ["a", "b"] {
      let a: [Float]? = try session.run(["x": x])[name]?.elements()
      #expect(try read.run(["x": x])[name]?.elements() == a)
    }
    #expect(!deferred.isInUse)
  }

  /// How much of a mapped file is in this process's memory.
  private func residentBytes(of file: ByteRegion) throws -> Int {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let table = open("/proc/self/pagemap", O_RDONLY)
    defer { close(table) }
    // A word a page; the highest bit says that the page is there.
    var entries = [UInt64](repeating: 0, count: (file.count + page - 1) / page)
    let size = entries.count * 8
    let length = pread(table, &entries, size, off_t(Int(bitPattern: file.start) / page * 8))
    try #require(length == size)
    return entries.count { $0 >> 63 == 1 } * page
  }
}
