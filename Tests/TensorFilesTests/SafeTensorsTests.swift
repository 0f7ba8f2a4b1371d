import Foundation
import GraphRuntime
import ONNXParse
import Testing

@testable import TensorFiles

@Suite struct SafeTensorsTests {
  private func file(_ header: String, data: [UInt8] = []) -> ByteRegion {
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    return ByteRegion(length + Array(header.utf8) + data)
  }

  @Test func readsTensorsInTheOrderOfTheData() throws {
    let header = """
      {"__metadata__":{"format":"pt"},"second":{"dtype":"I64","shape":[1],"data_offsets":[8,16]},
      "first":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"bf":{"dtype":"BF16","shape":[],"data_offsets":[16,18]},
      "none":{"dtype":"F16","shape":[0,3],"data_offsets":[18,18]}}
      """
    let data: [UInt8] = [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 5, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x3F]
    let tensors = try SafeTensors.decode(file(header, data: data), name: "t")
    #expect(tensors.names == ["first", "second", "bf", "none"])
    #expect(tensors["first"]?.elements(Float.self) == [1, -2])
    #expect(tensors["second"]?.elements(Int64.self) == [5])
    #expect(tensors["bf"]?.elementType == .bfloat16)
    #expect(tensors["none"]?.shape == [0, 3])
  }

  @Test(arguments: [
    #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#,
    #"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#,
    #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#,
    #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#,
    #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#,
    #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#,
    #"{"a":{"dtype":"X9","shape":[1],"data_offsets":[0,4]}}"#,
    #"{"a":{"dtype":"F32","shape":[9223372036854775807,9],"data_offsets":[0,4]}}"#,
    #"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}"#,
    #"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, #"{"a":[]}"#, "[]", "{", "",
    String(repeating: "[", count: 100_000),
  ]) func refusesBadHeaders(_ header: String) {
    #expect(throws: FileError.self) {
      try SafeTensors.decode(file(header, data: [UInt8](repeating: 0, count: 8)), name: "bad")
    }
  }

  @Test func refusesLengthsBeyondTheFile() {
    for bytes in [[], [1], [UInt8](repeating: 0xFF, count: 8), [200, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D]]
      as [[UInt8]]
    {
      #expect(throws: FileError.self) { try SafeTensors.decode(ByteRegion(bytes), name: "bad") }
    }
  }
}
