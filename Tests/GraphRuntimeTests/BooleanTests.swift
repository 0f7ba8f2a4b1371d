import ONNXParse
import Testing

@testable import GraphRuntime

@Suite struct BooleanTests {
  /// A byte of a file that is neither 0 nor 1 must not become a Swift `Bool` as it is.
  @Test func everyOtherByteIsTrue() throws {
    let tensor = try Tensor(.bool, shape: [4], bytes: ByteRegion([0, 1, 2, 0xFF]))
    #expect(tensor.bytes == ByteRegion([0, 1, 1, 1]))
    let raw = TensorProto(name: "b", .bool, dims: [2], raw: ByteRegion([2, 0]))
    #expect(try Tensor(raw).bytes == ByteRegion([1, 0]))
  }
}
