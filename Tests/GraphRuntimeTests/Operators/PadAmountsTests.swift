import Testing

@testable import GraphRuntime

@Suite struct PadAmountsTests {
  private func amounts(_ pads: [Int], axes: [Int64]? = nil, rank: Int) throws -> PadAmounts {
    try PadAmounts(pads: pads, axes: axes.map { Tensor($0, shape: [$0.count]) }, rank: rank)
  }

  @Test func axesAreInAnyOrderAndCountedFromEitherEnd() throws {
    let all = try amounts([0, 1, 2, 3, 4, 5], rank: 3)
    #expect(all.before == [0, 1, 2] && all.after == [3, 4, 5])
    let some = try amounts([1, 2, 3, 4], axes: [-1, 2], rank: 4)
    #expect(some.before == [0, 0, 2, 1] && some.after == [0, 0, 4, 3])
    #expect(some.windowPads == [2, 1, 4, 3])
    let none = try amounts([], axes: [], rank: 4)
    #expect(none.windowPads == [0, 0, 0, 0])
  }

  @Test func whatDoesNotFitIsRefused() {
    #expect(throws: GraphError.self) { try amounts([1, 1, 1], rank: 2) }
    #expect(throws: GraphError.self) { try amounts([1, 1], axes: [2], rank: 2) }
    #expect(throws: GraphError.self) { try amounts([1, 1, 1, 1], axes: [1, -1], rank: 2) }
  }

  @Test func windowsHaveNoCutsAndPadNeitherImagesNorChannels() throws {
    #expect(try amounts([0, 0, -1, 0, 0, 0, 0, 0], rank: 4).windowPads == nil)
    #expect(try amounts([0, 0, 0, 0, 0, 1, 0, 0], rank: 4).windowPads == nil)
    #expect(try amounts([1, 1], axes: [0], rank: 4).windowPads == nil)
    #expect(try amounts([1, 1, 1, 1], rank: 2).windowPads == nil)
    let window = PadAmounts(window: [1, 2, 3, 4])
    #expect(window.pads == [0, 0, 1, 2, 0, 0, 3, 4] && window.windowPads == [1, 2, 3, 4])
  }
}
