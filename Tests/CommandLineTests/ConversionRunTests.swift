import Foundation
import GraphRuntime
import ImageFiles
import ONNXParse
import TensorFiles
import TestSupport
import Testing

@testable import CommandLineSupport

@Suite struct ConversionRunTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try SmallModels.write(SmallModels.affine(), to: folder.path("m.onnx"))
  }

  private func run(_ name: String, _ arguments: String...) throws -> ProcessResult {
    try runExecutable(name, arguments, in: folder)
  }

  @Test func thereAndBack() throws {
    let there = try run("csn-convert", "m.onnx")
    #expect(there.status == 0 && there.output.isEmpty && there.errors.contains("wrote m.graph"), "\(there)")
    #expect(try run("csn-convert", "m.graph", "-o", "back.onnx").status == 0)
    try NPZ.write(["x": Tensor([1, 2] as [Float], shape: [1, 2])], to: folder.path("x.npz"))
    for model in ["m.onnx", "m.graph", "back.onnx"] {
      let result = try run("csn-run", model, "--inputs", "x.npz", "--outputs", "y.npz")
      #expect(result.status == 0, "\(result)")
      #expect(try NPZ.read(from: folder.path("y.npz"))["y"]?.elements(Float.self) == [7, 10, 13])
    }
  }

  @Test func shapesAreFixed() throws {
    let result = try run("csn-convert", "m.onnx", "--input-shape", "x=4x2", "-o", "fixed.onnx", "--json")
    let summary = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(summary["output"] as? String == "fixed.onnx")
    #expect((summary["outputs"] as? [[String: Any]])?.first?["shape"] as? [Int] == [4, 3])
    #expect(
      try run("csn-convert", "m.onnx", "--input-shape", "x=4x3", "-o", "no.onnx").errors
        .contains("--input-shape: 'x' is declared as float[N, 2], which 4x3 does not fit"))
    #expect(
      try run("csn-convert", "m.onnx", "--input-shape", "q=4x3", "-o", "no.onnx").errors
        .contains("--input-shape: there is no input 'q'"))
    #expect(!folder.content.contains("no.onnx"))
  }

  @Test func noInputIsReplaced() throws {
    let before = try Data(contentsOf: URL(filePath: folder.path("m.onnx")))
    for output in ["m.onnx", "./m.onnx", "../\(URL(filePath: folder.path).lastPathComponent)/m.onnx"] {
      let result = try run("csn-convert", "m.onnx", "-o", output)
      #expect(result.status == 1 && result.errors.contains("which is an input; name it with -o"), "\(result)")
    }
    #expect(try Data(contentsOf: URL(filePath: folder.path("m.onnx"))) == before)
  }

  @Test func laterPassesRunOnAGraphThatHadEarlierOnes() throws {
    try SmallModels.write(SmallModels.backbone(), to: folder.path("b.onnx"))
    func passes(_ arguments: String...) throws -> [String: Int] {
      let result = try runExecutable("csn-convert", arguments + ["--json"], in: folder)
      let summary = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
      let reports = try #require(summary?["passes"] as? [[String: Any]], "\(result)")
      return Dictionary(uniqueKeysWithValues: reports.map { ($0["name"] as! String, $0["changes"] as! Int) })
    }
    let fusing = "convolution-fusion"
    #expect(try passes("b.onnx", "--optimize", "basic", "-o", "basic.graph")[fusing] == nil)
    #expect(try passes("basic.graph", "--optimize", "all", "-o", "all.graph")[fusing] == 1)
    #expect(try passes("all.graph", "--optimize", "all", "-o", "again.graph")[fusing] == 1)
    // What a fixed shape makes constant is folded, whatever went before.
    try SmallModels.write(SmallModels.ownShape(), to: folder.path("s.onnx"))
    let folding = "constant-folding"
    let open = try passes("s.onnx", "-o", "s.graph")[folding] ?? 0
    #expect(try passes("s.graph", "--input-shape", "x=4", "-o", "t.graph")[folding] ?? 0 > open)
  }

  @Test func aShapeFixesTheInputOfEachBackbone() throws {
    var graph = Graph()
    _ = graph.addInput("data", .tensor(TensorType(.float32, [.symbol("N"), 2])))
    #expect(try graph.fixShapes(["data": [4, 2], "other": [1]]) == ["data"])
    #expect(graph[graph.inputs[0]].type?.tensor?.concreteShape == [4, 2])
  }

  @Test func failuresAreOneLineAndLeaveNothing() throws {
    try Data("old".utf8).write(to: URL(filePath: folder.path("out.graph")))
    for arguments in [
      ["m.onnx", "--csn", "v2", "-o", "out.graph"], ["--fusion", "m.onnx", "-o", "out.graph"],
      ["none.onnx", "-o", "out.graph"], ["m.onnx", "-o", "m.onnx"], ["m.onnx", "-o", "m.pb"],
      ["m.onnx", "--csn", "v2", "--head", "m.txt", "-o", "out.graph"],
      ["m.onnx", "--csn", "v2", "--classes", "none.txt", "-o", "out.graph"],
    ] {
      let result = try runExecutable("csn-convert", arguments, in: folder)
      #expect(result.status == 1 && result.output.isEmpty, "\(arguments)")
      #expect(result.errors.hasPrefix("csn-convert: error: "), "\(result.errors)")
      #expect(result.errors.filter(\.isNewline).count == 1, "\(result.errors)")
    }
    #expect(try Data(contentsOf: URL(filePath: folder.path("out.graph"))) == Data("old".utf8))
    #expect(folder.content == ["m.onnx", "out.graph"])
  }

  @Test func fusionByFormulaGivesAPictureBack() throws {
    let made = try run("csn-convert", "--fusion")
    #expect(made.status == 0 && made.errors.contains("derived filters"), "\(made)")
    let image = picture(width: 24, height: 20) { row, column, channel in
      row < 10 ? 30 + 5 * column + 20 * channel : 220 - 4 * column - 3 * channel * row
    }
    try PNG.write(image, to: folder.path("a.png"))
    for rule in ["auto", "max", "mean"] {
      let result = try run("csn-run", "fusion.graph", "a.png", "a.png", "-o", "f.png", "--rule", rule)
      #expect(result.status == 0, "\(result)")
      let fused = try PNG.read(from: folder.path("f.png"))
      guard case .eight(let a) = image.samples, case .eight(let b) = fused.samples else { return }
      #expect(zip(a, b).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    }
  }
}
