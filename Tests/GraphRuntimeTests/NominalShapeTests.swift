import Testing

@testable import GraphRuntime

@Suite struct NominalShapeTests {
  @Test func openExtentsAreThoseOfPictures() {
    let (n, h, w): (Dimension, Dimension, Dimension) = (.symbol("N"), .symbol("H"), .unknown)
    #expect([n, 3, h, w].nominal() == [1, 3, 224, 224])
    #expect([n, h, w, 3].nominal(batch: 2) == [2, 224, 224, 3])
    #expect([n, 1, h, w].nominal() == [1, 1, 224, 224])
    #expect([n, .unknown, h, w].nominal() == [1, 3, 224, 224])
    #expect([4, 3, 8, 8].nominal(batch: 2) == [4, 3, 8, 8])
    #expect([n, .symbol("L")].nominal(batch: 3) == [3, 1])
    #expect(Shape().nominal() == [])
    #expect(Shape([1, 3, 224, 3]).isChannelsLast == false)
  }
}
