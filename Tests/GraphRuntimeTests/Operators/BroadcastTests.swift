import Testing

@testable import GraphRuntime

@Suite struct BroadcastTests {
  @Test func equalShapesAreOneRow() {
    let walk = Broadcast(output: [2, 3, 4], operands: [[2, 3, 4], [2, 3, 4]])
    #expect(walk.rows == 1)
    #expect(walk.inner.extent == 24)
  }

  @Test func aBiasPerChannelIsOneRowAChannel() {
    let walk = Broadcast(output: [2, 3, 4, 5], operands: [[2, 3, 4, 5], [3, 1, 1]])
    #expect(walk.rows == 6)
    #expect(walk.inner.extent == 20)
    #expect((walk.inner.strides[0], walk.inner.strides[1]) == (1, 0))
    #expect((0..<6).map { walk.offsets(ofRow: $0)[1] } == [0, 1, 2, 0, 1, 2])
  }

  @Test func anEmptyAxisHasNoRows() {
    let walk = Broadcast(output: [3, 0, 2], operands: [[3, 0, 2]])
    #expect(walk.rows * walk.inner.extent == 0)
  }

  @Test(arguments: [1, 3]) func sumsBroadcastBothWays(threads: Int) throws {
    let a = Tensor((0..<600).map { Float($0) }, shape: [200, 1, 3])
    let b = Tensor((0..<800).map { Float($0) / 2 }, shape: [1, 800, 1])
    let sum = try SingleNode(op: "Add", threads: threads).run([a, b])[0]
    #expect(sum.shape == [200, 800, 3])
    let elements = sum.elements(Float.self)
    for (i, j, k) in [(0, 0, 0), (7, 3, 2), (199, 799, 1), (100, 0, 2)] {
      #expect(elements[(i * 800 + j) * 3 + k] == Float(i * 3 + k) + Float(j) / 2)
    }
  }
}
