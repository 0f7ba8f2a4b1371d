import Foundation
import Testing

@testable import ONNXParse

/// The data of a tensor reads the same from every field that may hold it.
@Suite struct TensorElementsTests {
  private func bytes(_ tensor: TensorProto) throws -> [UInt8] {
    try tensor.elementBytes().withUnsafeBytes { Array($0) }
  }

  private func typed<Number: FixedWidthInteger>(
    _ type: ElementType, _ dims: [Int64], _ field: TensorProto.TypedField, _ numbers: [Number]
  ) -> TensorProto {
    TensorProto(
      dims: dims, dataType: type.rawValue,
      payload: .typed(field, numbers.withUnsafeBytes { ByteRegion(copying: $0) }))
  }

  @Test func emptyTensorsAreCountedInFull() throws {
    #expect(try TensorProto(dims: [0, 1 << 40]).elementCount() == 0)
    for dims: [Int64] in [[0, 1 << 62, 4], [1 << 62, 4, 0]] {
      #expect(throws: ONNXError.self) { try TensorProto(dims: dims).elementCount() }
    }
  }

  @Test func typedFields() throws {
    #expect(try bytes(typed(.int8, [3], .int32, [-1, 2, 127] as [Int32])) == [0xFF, 2, 0x7F])
    #expect(try bytes(typed(.bool, [2], .int32, [0, 1] as [Int32])) == [0, 1])
    #expect(try bytes(typed(.float16, [1], .int32, [0x3C00] as [Int32])) == [0x00, 0x3C])
    #expect(try bytes(typed(.uint32, [1], .uint64, [0xFFFF_FFFE] as [UInt64])) == [0xFE, 0xFF, 0xFF, 0xFF])
    #expect(try bytes(typed(.int4, [3], .int32, [0x21, 0x03] as [Int32])) == [0x21, 0x03])
    #expect(try bytes(typed(.uint2, [5], .int32, [0xE4, 0x01] as [Int32])) == [0xE4, 0x01])
    // Codes 1, 2, 3, 4, 5 of six bits: 000001 000010 000011 000100 000101, lowest bits first.
    #expect(
      try bytes(typed(.float6e2m3, [5], .int32, [1, 2, 3, 4, 5] as [Int32])) == [0x81, 0x30, 0x10, 0x05])
    #expect(try bytes(typed(.complex64, [1], .float, [1, 2] as [UInt32])).count == 8)
  }

  @Test func floatsStayWhereTheyAre() throws {
    let tensor = typed(.float32, [2], .float, [1, 2] as [UInt32])
    guard case .typed(_, let numbers) = tensor.payload else { return }
    #expect(try tensor.elementBytes().start == numbers.start)
  }

  @Test func wrongCountsAndFieldsAreRefused() {
    expectError(.tensor) { _ = try bytes(typed(.int8, [3], .int32, [1] as [Int32])) }
    expectError(.tensor) { _ = try bytes(typed(.int8, [1], .int64, [1] as [Int64])) }
    expectError(.tensor) { _ = try bytes(typed(.complex128, [.max], .double, [1] as [Int64])) }
    expectError(.tensor) { _ = try bytes(typed(.string, [1], .int32, [1] as [Int32])) }
    expectError(.tensor) { _ = try TensorProto(dims: [1], strings: ["a", "b"]).stringElements() }
    expectError(.tensor) {
      _ = try TensorProto(dims: [1], dataType: 8, payload: .strings([[0xFF]])).stringElements()
    }
  }

  @Test func tensorsWithoutElementsNeedNoData() throws {
    #expect(try bytes(TensorProto(dims: [0, 3], dataType: 1)).isEmpty)
    #expect(try TensorProto(dims: [0], dataType: 8).stringElements().isEmpty)
  }

  /// Every element type in every form that the onnx package writes, against its own reading.
  @Test(.enabled(if: Python.isThere, "there is no .venv: run scripts/setup-venv.sh"))
  func everyTypeReadsAsTheOnnxPackageReadsIt() throws {
    let folder = try TemporaryFolder()
    try Python.run(
      """
      import sys, numpy, onnx
      from onnx import helper, numpy_helper
      random = numpy.random.default_rng(1)
      for type in onnx.TensorProto.DataType.values():
        if type in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING): continue
        dtype = helper.tensor_dtype_to_np_dtype(type)
        # A float8e8m0 has no zero.
        least = 1 if type == onnx.TensorProto.FLOAT8E8M0 else 0
        values = random.integers(least, least + 2, size=(3, 5)).astype(numpy.float32).astype(dtype)
        raw = numpy_helper.from_array(values, "x")
        assert raw.data_type == type and raw.HasField("raw_data")
        typed = helper.make_tensor("x", type, values.shape, values)
        numpy.testing.assert_array_equal(numpy_helper.to_array(typed), values)
        for name, tensor in (("raw", raw), ("typed", typed)):
          with open(f"{sys.argv[1]}/{type}.{name}", "wb") as file: file.write(tensor.SerializeToString())
      """, folder.path)
    #expect(folder.contents.count == 2 * (ElementType.allCases.count - 1))
    for type in ElementType.allCases where type != .string {
      let raw = try TensorProto(contentsOf: folder.file("\(type.rawValue).raw"))
      let typed = try TensorProto(contentsOf: folder.file("\(type.rawValue).typed"))
      #expect(raw.elementType == type)
      #expect(try raw.elementBytes() == typed.elementBytes(), "\(type)")
    }
  }
}
