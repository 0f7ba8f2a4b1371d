import Testing

@testable import GraphRuntime

@Suite struct MemoryPlannerTests {
  private func random(_ seed: UInt64, count: Int, steps: Int) -> [MemoryRequest] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      let first = random.next(below: steps)
      let size = 1 + random.next(below: random.next(below: 3) == 0 ? 100_000 : 3000)
      return MemoryRequest(byteCount: size, first: first, last: min(steps - 1, first + random.next(below: 6)))
    }
  }

  private func expectSound(_ plan: MemoryPlan, _ requests: [MemoryRequest]) {
    for (index, request) in requests.enumerated() {
      let range = plan.offsets[index]..<plan.offsets[index] + request.byteCount
      #expect(range.lowerBound % MemoryPlanner.alignment == 0)
      #expect(range.upperBound <= plan.arenaBytes)
      for other in 0..<index where requests[other].overlapsInTime(request) {
        #expect(!range.overlaps(plan.offsets[other]..<plan.offsets[other] + requests[other].byteCount))
      }
    }
    #expect(plan.arenaBytes >= plan.lowerBound)
  }

  @Test(arguments: 0..<60) func liveBuffersNeverOverlap(seed: Int) throws {
    let requests = random(UInt64(seed), count: 3 + seed * 2, steps: 10 + seed)
    let plan = try MemoryPlanner().plan(requests)
    expectSound(plan, requests)
  }

  @Test func randomLifetimesComeCloseToTheBound() throws {
    var excess = 0.0
    for seed in 100..<140 {
      let plan = try MemoryPlanner().plan(random(UInt64(seed), count: 60, steps: 40))
      excess += Double(plan.arenaBytes) / Double(plan.lowerBound) - 1
    }
    #expect(excess / 40 < 0.05)
  }

  @Test func theSameRequestsGiveTheSamePlan() throws {
    let requests = random(7, count: 80, steps: 40)
    #expect(try MemoryPlanner().plan(requests).offsets == MemoryPlanner().plan(requests).offsets)
  }

  @Test func aChainNeedsItsTwoLargestNeighbours() throws {
    let sizes = [640, 6400, 1280, 64, 5120]
    let chain = sizes.enumerated().map { MemoryRequest(byteCount: $1, first: $0, last: $0 + 1) }
    let plan = try MemoryPlanner().plan(chain)
    #expect(plan.arenaBytes == 6400 + 1280)
    expectSound(plan, chain)
  }

  @Test func localSearchFindsWhatGreedyMisses() throws {
    // Placing by size alone leaves a hole: the two small ones outlive the buffers they were put beside.
    let requests = [
      MemoryRequest(byteCount: 256, first: 0, last: 1), MemoryRequest(byteCount: 192, first: 1, last: 3),
      MemoryRequest(byteCount: 128, first: 3, last: 5), MemoryRequest(byteCount: 256, first: 4, last: 6),
      MemoryRequest(byteCount: 192, first: 2, last: 4), MemoryRequest(byteCount: 64, first: 0, last: 3),
    ]
    let plan = try MemoryPlanner().plan(requests)
    expectSound(plan, requests)
    #expect(plan.arenaBytes <= plan.lowerBound + 64)
  }

  @Test func emptyAndZeroSized() throws {
    #expect(try MemoryPlanner().plan([]).arenaBytes == 0)
    let plan = try MemoryPlanner().plan([MemoryRequest(byteCount: 0, first: 0, last: 1)])
    #expect(plan.arenaBytes == 0)
  }

  @Test func sizesThatOverflowAreRefused() {
    let huge = MemoryRequest(byteCount: Int.max - 10, first: 0, last: 1)
    #expect(throws: GraphError.self) { try MemoryPlanner().plan([huge, huge]) }
  }

  /// More requests than orders are tried for.
  @Test(arguments: [1, 2]) func manyRequestsArePlacedOnce(seed: UInt64) throws {
    let requests = random(seed, count: MemoryPlanner.mostTried + 100, steps: 2000)
    let plan = try MemoryPlanner().plan(requests)
    // Only neighbours in time are compared: all pairs would take minutes.
    let order = requests.indices.sorted { requests[$0].first < requests[$1].first }
    for (position, index) in order.enumerated() {
      let range = plan.offsets[index]..<plan.offsets[index] + requests[index].byteCount
      for other in order[..<position].suffix(60) where requests[other].overlapsInTime(requests[index]) {
        #expect(!range.overlaps(plan.offsets[other]..<plan.offsets[other] + requests[other].byteCount))
      }
      #expect(range.upperBound <= plan.arenaBytes)
    }
    #expect(Double(plan.arenaBytes) < 1.6 * Double(plan.lowerBound))
  }

  /// What a hostile file may ask for: work must not grow with the square of it.
  @Test(.timeLimit(.minutes(1))) func longChainsArePlannedInTime() throws {
    let count = 50_000
    let chain = (0..<count).map { MemoryRequest(byteCount: 64, first: $0, last: $0 + 1) }
    #expect(try MemoryPlanner().plan(chain).arenaBytes == 128)
    let held = (0..<count).map { MemoryRequest(byteCount: 64, first: $0, last: count) }
    #expect(try MemoryPlanner().plan(held).arenaBytes == 64 * count)

    var graph = Graph()
    let type = ValueType.tensor(TensorType(.float32, [4]))
    var value = graph.addInput("x", type)
    for index in 0..<count {
      let next = graph.addValue("v\(index)", type)
      graph.addNode("Relu", inputs: [value], outputs: [next])
      value = next
    }
    graph.addOutput(value)
    #expect(try BufferAssignment(graph, registry: .standard).buffers.count == 1)
    var patch = GraphPatch(for: graph)
    for node in graph.nodes { patch.replace(node) }
    try graph.apply(patch)
    #expect(graph.nodes.count == count)
  }
}
