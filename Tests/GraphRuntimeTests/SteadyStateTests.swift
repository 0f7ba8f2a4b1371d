import CAllocationCounter
import Foundation
import Glibc
import ONNXParse
import TestSupport
import Testing

@testable import GraphRuntime

/// In the steady state, a planned run allocates nothing.
@Suite(.enabled(if: csn_counts_allocations(), "allocations are not counted here"))
struct SteadyStateTests {
  /// How often `body` asks for memory, on this thread.
  private func allocations(_ body: () throws -> Void) rethrows -> Int64 {
    let before = csn_allocation_count()
    try body()
    return csn_allocation_count() - before
  }

  /// How often runs ask for memory on the calling thread, which with one thread does all the work, after two runs.
  private func allocations(_ graph: Graph, threads: Int, runs: Int) throws -> Int64 {
    var options = Session.Options()
    options.threads = threads
    let execution = try Execution(Session(graph, options: options).plan())
    for _ in 0..<2 { try execution.run() }
    return try allocations { for _ in 0..<runs { try execution.run() } }
  }

  /// Convolutions on blocks, and behind them row-major kernels with enough to do for several chunks.
  private func network() -> Graph {
    graph([2, 3, 24, 24]) { g, x in
      let pads: [String: Attribute] = ["pads": .ints([1, 1, 1, 1])]
      let stem = g.add("Relu", g.add("Conv", x, g.noise(32, 3, 3, 3), g.noise(32), attributes: pads))
      let a = g.add("Conv", stem, g.noise(32, 32, 3, 3, seed: 5), g.noise(32), attributes: pads)
      let b = g.add("Conv", stem, g.noise(16, 32, 1, 1, seed: 6), g.noise(16))
      let joined = g.add("Concat", a, b, attributes: ["axis": .int(1)])
      let attention = g.add("Softmax", joined, attributes: ["axis": .int(1)])
      let turned = g.add("Transpose", attention, attributes: ["perm": .ints([0, 2, 3, 1])])
      let wide = g.add("Concat", turned, turned, attributes: ["axis": .int(3)])
      let pooled = g.add("Flatten", g.add("GlobalAveragePool", joined))
      let scores = g.add(
        "Gemm", pooled, g.noise(512, 48), g.noise(512), attributes: ["transB": .int(1)])
      return [wide, g.add("Softmax", scores), g.add("MatMul", scores, g.noise(512, 300))]
    }
  }

  @Test(arguments: [1, 2]) func runsOfANetworkAllocateNothing(threads: Int) throws {
    #expect(try allocations(network(), threads: threads, runs: 100) == 0)
  }

  @Test(.needsShared) func runsOfGoogLeNetAllocateNothing() throws {
    let graph = try Graph(contentsOf: Shared.path("data/models/googlenet.onnx"))
    let inputs = graph.inputs.map { ($0, graph[$0].type?.tensor?.concreteShape) }
    #expect(inputs.allSatisfy { $0.1 != nil })
    #if DEBUG
      let runs = 1
    #else
      let runs = 20
    #endif
    #expect(try allocations(graph, threads: 1, runs: runs) == 0)
  }

  @Test func chunksOfAllKindsAreRunOnce() throws {
    let pool = ThreadPool.shared(threads: 2)
    let memory = StepMemory(
      slots: UnsafePointer(UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: 1)),
      pool: pool.pointer)
    defer { memory.slots.deallocate() }
    let counts = UnsafeMutableBufferPointer<Int32>.allocate(capacity: 1000)
    defer { counts.deallocate() }
    for count in [0, 1, 2, 1000] {
      counts.initialize(repeating: 0)
      memory.parallel(count) { chunk, worker in counts[chunk] += Int32(worker < 2 ? 1 : 100) }
      #expect(counts.prefix(count).allSatisfy { $0 == 1 })
      #expect(counts.dropFirst(count).allSatisfy { $0 == 0 })
    }
  }

  /// Memory that is seen elsewhere is not optimised away.
  nonisolated(unsafe) private static var seen: UnsafeMutableRawPointer?

  @Test func theCounterCounts() {
    let counted = allocations {
      Self.seen = malloc(100)
      free(Self.seen)
    }
    #expect(counted == 1)
    #expect(allocations { _ = ByteRegion(count: 1 << 20) { _ in } } > 0)
  }
}
