import GraphRuntime
import Testing

@testable import CSNGraphs

@Suite("Filter banks and their duals")
struct FilterBankTests {
  static func stem(of graph: Graph) throws -> Backbone.Stem { try Backbone(analyzing: graph).stem.get() }

  /// What analysis by the banks and synthesis by the dual make of a single bright pixel: 13x13.
  static func response(_ banks: [FilterBank], _ dual: DualBank) -> [Double] {
    var response = [Double](repeating: 0, count: 169)
    for (filter, weights) in banks.flatMap(\.filters).chunks(of: 49).enumerated() {
      for u in 0..<49 {
        for a in 0..<49 {
          response[(u / 7 + a / 7) * 13 + u % 7 + a % 7] += dual.filters[filter * 49 + u] * weights[a]
        }
      }
    }
    return response
  }

  @Test("the analytic bank holds 64 filters of unit norm, and its dual is exact and small")
  func analyticBank() throws {
    let bank = FilterBank.analytic(name: "v1")
    let norms = bank.filters.chunks(of: 49).map { $0.reduce(0) { $0 + $1 * $1 } }
    #expect(norms.count == 64)
    #expect(norms.allSatisfy { abs($0 - 1) < 1e-12 })
    let dual = try DualBank(of: [bank])
    for (position, value) in Self.response([bank], dual).enumerated() {
      #expect(abs(value - (position == 84 ? 1 : 0)) < 1e-10)
    }
    #expect(dual.filters.reduce(0) { $0 + $1 * $1 } < 1)
  }

  @Test("two banks have one exact dual together")
  func unionOfBanks() throws {
    let other = FilterBank(name: "v2", filters: MiniBackbone.numbers(64 * 49, seed: 4, scale: 0.3))
    let banks = [FilterBank.analytic(name: "v1"), other]
    let dual = try DualBank(of: banks)
    #expect(dual.channels == 128)
    for (position, value) in Self.response(banks, dual).enumerated() {
      #expect(abs(value - (position == 84 ? 1 : 0)) < 1e-9)
    }
  }

  @Test("filters that lose something are refused")
  func refusesIncompleteFilters() {
    // All filters are differences: plain brightness is lost.
    let filters = (0..<64).flatMap { index -> [Double] in
      var filter = MiniBackbone.numbers(49, seed: UInt64(index + 1))
      let mean = filter.reduce(0, +) / 49
      for position in filter.indices { filter[position] -= mean }
      return filter
    }
    let error = #expect(throws: CSNError.self) {
      try DualBank(of: [FilterBank(name: "v1", filters: filters)])
    }
    #expect(error?.kind == .degenerate)
    #expect(throws: CSNError.self) {
      try DualBank(of: [FilterBank(name: "v1", filters: [Double](repeating: 0, count: 64 * 49))])
    }
  }

  @Test("a normalisation folded into the convolution leaves the bank as it is")
  func foldingDoesNotMatter() throws {
    let plain = MiniBackbone(normalization: .batch)
    let folded = MiniBackbone(normalization: .folded)
    let a = try FilterBank(name: "v1", stem: Self.stem(of: plain.graph()), preprocessing: .caffe)
    let b = try FilterBank(name: "v1", stem: Self.stem(of: folded.graph()), preprocessing: .caffe)
    #expect(zip(a.filters, b.filters).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  @Test("a first convolution of another size is refused with its size")
  func refusesOtherStems() throws {
    let mini = MiniBackbone(stemSize: 3)
    let error = #expect(throws: CSNError.self) { try FusionGraphBuilder.build(from: [mini.graph()]) }
    #expect(error?.description.contains("stem (Conv) is 64x3x3x3") == true)
  }
}

extension Array {
  /// Stretches of `size` elements.
  func chunks(of size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
