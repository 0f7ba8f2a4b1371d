import Foundation
import GraphRuntime
import ONNXParse
import TensorFiles
import TestSupport
import Testing

@testable import CommandLineSupport

@Suite struct TensorRunTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try SmallModels.write(SmallModels.affine(), to: folder.path("m.onnx"))
    try NPZ.write(["x": Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])], to: folder.path("x.npz"))
  }

  private func csnRun(_ arguments: String...) throws -> ProcessResult {
    try runExecutable("csn-run", arguments, in: folder)
  }

  @Test func runsOnArrays() throws {
    let result = try csnRun("m.onnx", "--inputs", "x.npz", "--outputs", "y.npz")
    #expect(result.status == 0 && result.output.isEmpty && result.errors.isEmpty, "\(result)")
    let outputs = try NPZ.read(from: folder.path("y.npz"))
    #expect(outputs.names == ["y"])
    #expect(outputs["y"]?.elements(Float.self) == [7, 10, 13, 13, 20, 27])
  }

  @Test func wrongArraysAreRefused() throws {
    try NPZ.write(["z": Tensor(scalar: Float(1))], to: folder.path("name.npz"))
    try NPZ.write(["x": Tensor([1.0, 2], shape: [1, 2])], to: folder.path("type.npz"))
    try NPZ.write(["x": Tensor([1, 2, 3] as [Float], shape: [1, 3])], to: folder.path("shape.npz"))
    for (file, message) in [
      ("name", "there is no input 'z'"), ("type", "element type"), ("shape", "declared as"),
    ] {
      let result = try csnRun("m.onnx", "--inputs", file + ".npz", "--outputs", "y.npz")
      #expect(result.status == 1)
      #expect(
        result.errors.hasPrefix("csn-run: error: ") && result.errors.contains(message), "\(result.errors)")
    }
    #expect(!folder.content.contains("y.npz"))
  }

  @Test func comparesWithRecordedOutputs() throws {
    let set = folder.path("set")
    try FileManager.default.createDirectory(atPath: set, withIntermediateDirectories: true)
    try TensorProto(Tensor([1, 2] as [Float], shape: [1, 2])).write(to: set + "/input_0.pb")
    try TensorProto(Tensor([7, 10, 13.001] as [Float], shape: [1, 3])).write(to: set + "/output_0.pb")
    let passed = try csnRun("m.onnx", "--test-data", "set")
    #expect(passed.status == 0 && passed.output == "pass y: largest difference 0.001\n", "\(passed)")
    let failed = try csnRun("m.onnx", "--test-data", "set", "--rtol", "1e-6")
    #expect(failed.status == 1)
    #expect(failed.output.hasPrefix("FAIL y: element 2 is 13.0, expected 13.00"))
    #expect(failed.errors == "csn-run: error: 1 of 1 outputs differ from set\n")
    let missing = try csnRun("m.onnx", "--test-data", "nowhere")
    #expect(missing.status == 1 && missing.errors.contains("nowhere"))
  }

  @Test func infoHasItsKeys() throws {
    let result = try csnRun("m.onnx", "--info", "--json")
    let info = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let input = try #require((info["inputs"] as? [[String: Any]])?.first)
    #expect(input["name"] as? String == "x" && input["type"] as? String == "float")
    #expect(
      (input["shape"] as? [Any])?.first as? String == "N" && (input["shape"] as? [Any])?.last as? Int == 2)
    #expect((info["outputs"] as? [[String: Any]])?.first?["name"] as? String == "y")
    #expect((info["operators"] as? [String: Int]) == ["MatMul": 1, "Add": 1])
    #expect(info["parameters"] as? Int == 7)
    #expect(info["macs"] as? Int != nil)
    #expect(
      (info["passes"] as? [[String: Any]])?.allSatisfy { $0["name"] is String && $0["changes"] is Int }
        == true)
    #expect(try csnRun("m.onnx", "--info", "--input-shape", "x=5x2").output.contains("plan for x=5x2"))
    #expect(try csnRun("m.onnx", "--info", "--input-shape", "q=5x2").errors.contains("has no input 'q'"))
  }

  @Test func benchmarkHasItsKeys() throws {
    let result = try csnRun(
      "m.onnx", "--benchmark", "--runs", "4", "--threads", "1", "--batch", "3", "--json")
    let figures = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    for key in ["median_ms", "min_ms", "p90_ms", "load_ms", "arena_bytes", "peak_rss_bytes"] {
      #expect((figures[key] as? NSNumber)?.doubleValue ?? -1 >= 0, "\(key)")
    }
    #expect(figures["runs"] as? Int == 4 && figures["threads"] as? Int == 1)
    #expect((figures["shapes"] as? [String: [Int]]) == ["x": [3, 2]])
  }

  @Test func wrongModelsAreOneLine() throws {
    try SmallModels.write(SmallModels.affine(weight: [5, 3]), to: folder.path("shape.onnx"))
    var model = try Model(contentsOf: folder.path("m.onnx"))
    try model.write(
      to: folder.path("outside.onnx"), externalData: .external(name: "weights.bin", threshold: 0))
    try FileManager.default.removeItem(atPath: folder.path("weights.bin"))
    model.graph = nil
    try model.write(to: folder.path("empty.onnx"))
    for (name, message) in [("shape", "product (MatMul)"), ("outside", "weights.bin"), ("empty", "graph")] {
      let result = try csnRun("\(name).onnx", "--inputs", "x.npz", "--outputs", "y.npz")
      #expect(result.status == 1 && result.output.isEmpty)
      #expect(
        result.errors.hasPrefix("csn-run: error: ") && result.errors.contains(message), "\(result.errors)")
      #expect(result.errors.filter(\.isNewline).count == 1, "\(result.errors)")
    }
    #expect(!folder.content.contains("y.npz"))
  }
}
