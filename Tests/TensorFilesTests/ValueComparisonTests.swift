import GraphRuntime
import ONNXParse
import Testing

@testable import TensorFiles

@Suite struct ValueComparisonTests {
  private func agrees(_ a: Tensor, _ b: Tensor, rtol: Double? = nil) -> Bool {
    ValueComparison(rtol: rtol).compare(.tensor(a), .tensor(b)).failure == nil
  }

  @Test func bfloat16IsComparedAsAskedFor() throws {
    // 1 and 1 + 2^-7, its neighbour.
    let a = try Tensor(.bfloat16, shape: [1], bytes: ByteRegion([0x80, 0x3F]))
    let b = try Tensor(.bfloat16, shape: [1], bytes: ByteRegion([0x81, 0x3F]))
    #expect(agrees(a, b))
    #expect(!agrees(a, b, rtol: 1e-6))
  }

  @Test func wideIntegersAreComparedExactly() {
    let (a, b) = (Tensor(scalar: Int64(1) << 53), Tensor(scalar: Int64(1) << 53 + 1))
    #expect(agrees(a, b))
    #expect(!agrees(a, b, rtol: 0))
    #expect(agrees(a, a, rtol: 0))
    #expect(!agrees(Tensor(scalar: Int64.min), Tensor(scalar: Int64.max), rtol: 0))
    #expect(!agrees(Tensor(scalar: UInt64.max), Tensor(scalar: UInt64.max - 1), rtol: 0))
  }
}
