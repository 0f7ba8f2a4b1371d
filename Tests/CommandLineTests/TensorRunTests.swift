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

  /// What the parent holds is no memory of this process, however it was started.
  @Test func peakMemoryIsTheProcessesOwn() throws {
    let size = 400 << 20
    let held = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
    defer { held.deallocate() }
    for page in stride(from: 0, to: size, by: 4096) { held[page] = 1 }
    let result = try csnRun("m.onnx", "--benchmark", "--runs", "1", "--json")
    let figures = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let peak = try #require(figures["peak_rss_bytes"] as? Int)
    #expect(peak > 1 << 20 && peak < size / 2)
  }

  @Test func infoTellsWhatIsKnownOfAnyModel() throws {
    try SmallModels.write(SmallModels.listLength(), to: folder.path("list.onnx"))
    try SmallModels.write(SmallModels.nonzero(), to: folder.path("nonzero.onnx"))
    func info(_ model: String) throws -> [String: Any] {
      let result = try csnRun(model, "--info", "--json")
      #expect(result.status == 0, "\(result)")
      return try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    }
    let list = try info("list.onnx")
    #expect((list["operators"] as? [String: Int]) == ["SequenceLength": 1])
    #expect((list["inputs"] as? [[String: Any]])?.first?["shape"] is NSNull)
    #expect(list["macs"] is NSNull && (list["not_planned"] as? String)?.contains("'list'") == true)
    #expect(try csnRun("list.onnx", "--info").output.contains("no plan: the shape of input 'list'"))
    let nonzero = try info("nonzero.onnx")
    #expect(nonzero["dynamic"] as? Bool == true && nonzero["not_planned"] is NSNull)
  }

  @Test func openPicturesArePlannedInTheirLayout() throws {
    try SmallModels.write(
      SmallModels.color(input: [.symbol("N"), .symbol("H"), .symbol("W"), 3]), to: folder.path("last.onnx"))
    #expect(try csnRun("last.onnx", "--info").output.contains("plan for picture=1x224x224x3"))
  }

  @Test func dynamicModelsAreTracedToo() throws {
    try SmallModels.write(SmallModels.nonzero(), to: folder.path("nonzero.onnx"))
    let result = try csnRun("nonzero.onnx", "--benchmark", "--runs", "2", "--profile", "t.json")
    #expect(result.status == 0 && result.errors.contains("NonZero"), "\(result)")
    let trace = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: folder.path("t.json"))))
    let events = try #require((trace as? [String: Any])?["traceEvents"] as? [[String: Any]])
    #expect(events.compactMap { $0["cat"] as? String } == ["Relu", "NonZero"])
  }

  @Test func lostResultsAreFailures() throws {
    let program = try executablePath("csn-run")
    for arguments in ["m.onnx --info --json", "m.onnx --benchmark --runs 1", "--help"] {
      let result = try run(
        "/bin/sh", arguments: ["-c", "'\(program)' \(arguments) > /dev/full"], in: folder.path)
      #expect(result.status == 1)
      #expect(
        result.errors.contains("csn-run: error: standard output: cannot write: No space left on device"))
    }
  }

  @Test func noInputIsReplaced() throws {
    for (option, path) in [("--outputs", "./x.npz"), ("--outputs", "m.onnx"), ("--profile", "x.npz")] {
      let result = try csnRun(
        "m.onnx", "--inputs", "x.npz", "--outputs", option == "--outputs" ? path : "y.npz", "--profile",
        option == "--profile" ? path : "t.json")
      #expect(
        result.status == 1 && result.errors.contains("would replace \(path), which is an input"), "\(result)")
    }
    #expect(folder.content == ["m.onnx", "x.npz"])
  }

  @Test func batchesThatContradictShapesAreRefused() throws {
    let result = try csnRun("m.onnx", "--benchmark", "--runs", "1", "--batch", "8", "--input-shape", "x=1x2")
    #expect(result.errors == "csn-run: error: --batch 8 contradicts --input-shape x=1x2\n")
    #expect(
      try csnRun("m.onnx", "--benchmark", "--runs", "1", "--batch", "8", "--input-shape", "x=8x2").status == 0
    )
  }

  @Test func int8IsForQuantisedModels() throws {
    var graph = Graph(name: "quantised")
    let input = graph.addInput("x", .tensor(TensorType(.float32, [2])))
    let scale = graph.addInitializer("scale", Tensor(scalar: Float(0.5)))
    let zero = graph.addInitializer("zero", Tensor(scalar: Int8(0)))
    let small = graph.add("QuantizeLinear", input, scale, zero)
    graph.addOutput(graph.add("DequantizeLinear", small, scale, zero, output: "y"))
    try SmallModels.write(graph, to: folder.path("q.onnx"))
    #expect(try csnRun("q.onnx", "--benchmark", "--runs", "1", "--precision", "int8").status == 0)
    let refused = try csnRun("m.onnx", "--benchmark", "--runs", "1", "--precision", "int8")
    #expect(refused.status == 1 && refused.errors.filter(\.isNewline).count == 1)
    #expect(refused.errors.contains("--precision int8 is for quantised models, and m.onnx has no scales"))
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
