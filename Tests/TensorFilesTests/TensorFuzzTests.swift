import Foundation
import GraphRuntime
import ONNXParse
import TestSupport
import Testing

@testable import TensorFiles

/// Random damage to files of tensors (`make fuzz`).
@Suite struct TensorFuzzTests {
  private static let tensors: NamedTensors = [
    "a": Tensor([1.5, -2, 3, 4, 5, 6] as [Float], shape: [2, 3]), "b": Tensor([true, false], shape: [2]),
    "c": Tensor(scalar: Int64(7)),
  ]

  @Test func damagedArchives() throws {
    let folder = try TemporaryFolder()
    try NPZ.write(Self.tensors, to: folder.path("a.npz"))
    var samples = [try bytes(folder.path("a.npz"))]
    if Python.isPresent {
      try Python.run(
        "import sys, numpy as np; np.savez_compressed(sys.argv[1], x=np.zeros((40, 5)), y=np.asfortranarray(np.ones((3, 4), '>i2')))",
        arguments: [folder.path("b.npz")])
      samples.append(try bytes(folder.path("b.npz")))
    }
    var accepted = 0
    let runs = Fuzzing.run(samples) { bytes, _ in
      if (try? NPZ.decode(ByteRegion(bytes), name: "damaged", limit: 1 << 24)) != nil { accepted += 1 }
    }
    #expect(accepted < runs)
  }

  @Test func damagedArrays() throws {
    let samples = try Self.tensors.map { name, tensor in
      let (header, data) = try NPY.encoded(tensor, name: name)
      return header + data.withUnsafeBytes { Array($0) }
    }
    var accepted = 0
    let runs = Fuzzing.run(samples) { bytes, _ in
      guard let tensor = try? NPY.decode(ByteRegion(bytes), name: "damaged") else { return }
      accepted += 1
      #expect(tensor.bytes?.count == tensor.elementType.byteCount(of: tensor.count))
    }
    #expect(accepted < runs)
  }

  @Test func damagedSafeTensors() throws {
    let header =
      #"{"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"I8","shape":[],"data_offsets":[8,9]}}"#
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    let sample = length + Array(header.utf8) + [UInt8](repeating: 0, count: 9)
    var accepted = 0
    let runs = Fuzzing.run([sample]) { bytes, _ in
      if (try? SafeTensors.decode(ByteRegion(bytes), name: "damaged")) != nil { accepted += 1 }
    }
    #expect(accepted < runs)
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    try ByteRegion(contentsOf: path).withUnsafeBytes { Array($0) }
  }
}
