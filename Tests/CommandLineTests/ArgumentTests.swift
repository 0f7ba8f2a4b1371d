import ArgumentParser
import ONNXParse
import TestSupport
import Testing

@testable import CommandLineSupport
@testable import csn_convert
@testable import csn_run

@Suite struct ArgumentTests {
  @Test func shapes() {
    #expect(ShapeArgument(argument: "x=1x3x224x224")?.shape == [1, 3, 224, 224])
    #expect(ShapeArgument(argument: "a=b:0=5")?.name == "a=b:0")
    for bad in ["", "x", "x=", "=1", "x=1x", "x=-1", "x=1x9223372036854775807x9", "x=1,2", "x=1X2"] {
      #expect(ShapeArgument(argument: bad) == nil, "\(bad)")
    }
  }

  @Test func sizes() {
    #expect(ByteSize(argument: "800MB")?.bytes == 800_000_000)
    #expect(ByteSize(argument: "2GiB")?.bytes == 2 << 30)
    #expect(ByteSize(argument: "1.5k")?.bytes == 1536)
    #expect(ByteSize(argument: "4096")?.bytes == 4096)
    for bad in ["", "MB", "-1", "0", "1e300GB", "nan", "12 parsecs"] {
      #expect(ByteSize(argument: bad) == nil, "\(bad)")
    }
    #expect(ByteSize.text(999) == "999 bytes")
    #expect(ByteSize.text(17_340_000) == "17.3 MB")
  }

  @Test func classLists() throws {
    let folder = try TemporaryFolder()
    func file(_ text: String) throws -> String {
      try AtomicFile.write(to: folder.path("names")) { try $0.write(Array(text.utf8)) }
      return folder.path("names")
    }
    #expect(try ClassList("21") == .count(21))
    #expect(try ClassList(file("cat\n dog \r\n\nfish\n\n")) == .names(["cat", "dog", "", "fish"]))
    #expect(
      try ClassList(file("n02123045 tabby, tabby cat\nn02123159 tiger cat\n")).names == [
        "tabby", "tiger cat",
      ])
    #expect(throws: FileError.self) { try ClassList(file("\n")) }
    #expect(throws: (any Error).self) { try ClassList("0") }
    #expect(throws: (any Error).self) { try ClassList(folder.path("missing")) }
  }

  @Test(arguments: [
    (["m.onnx"], "Give pictures, --inputs, --test-data, --info or --benchmark."),
    (["m.onnx", "a.png", "--info"], "pictures and --info can't be combined."),
    (["m.onnx", "--inputs", "a.npz"], "--inputs and --outputs go together."),
    (["m.onnx", "--info", "--rule", "max"], "--rule is for pictures, but none are given."),
    (["m.onnx", "--info", "--runs", "3"], "--runs needs --benchmark."),
    (["m.onnx", "--benchmark", "--runs", "0"], "--runs must be at least 1."),
    (["m.onnx", "--benchmark", "--runs", "2000000"], "--runs must be at most 1000000."),
    (["m.onnx", "--benchmark", "--rtol", "1"], "--rtol and --atol need --test-data."),
    (["m.onnx", "a.png", "--top", "0"], "--top must be at least 1."),
    (["m.onnx", "a.png", "--threads", "0"], "--threads must be from 1 to 256."),
    (["m.onnx", "a.png", "--input-shape", "x=1"], "--input-shape is for --inputs, --info and --benchmark."),
    (
      ["m.onnx", "--info", "--input-shape", "x=1", "--input-shape", "x=2"],
      "an input has two shapes among --input-shape"
    ),
    (["m.onnx", "--info", "--profile", "t.json"], "--profile needs a run; --info makes none."),
    (["m.onnx", "--info", "--max-memory", "much"], "The value 'much' is invalid for '--max-memory <size>'"),
    ([], "Missing expected argument '<model>'"),
  ]) func runIsCalledWrongly(_ arguments: [String], _ message: String) {
    let outcome = CommandLineProgram.run(CSNRun.self, arguments: arguments)
    #expect(outcome.code == 64)
    #expect(outcome.errors.hasPrefix("csn-run: error: \(message)\nUsage: csn-run MODEL IMAGE..."))
    #expect(outcome.errors.hasSuffix("\nSee 'csn-run --help' for more information."))
  }

  @Test(arguments: [
    ([], "Missing expected argument '<input>'"),
    (["a.onnx", "b.onnx"], "More than one input is for --fusion."),
    (["a", "b", "c", "--fusion"], "--fusion takes two backbones at most."),
    (["a.onnx", "--csn", "v1", "--fusion"], "--csn and --fusion can't be combined."),
    (["a.onnx", "--widths", "3"], "--widths is for --csn and --fusion."),
    (["a.onnx", "--csn", "v1", "--rule", "max"], "--rule is for --fusion."),
    (
      ["a.onnx", "--csn", "v1", "--preprocess", "unit,raw"],
      "--preprocess names more backbones than there are."
    ),
  ]) func convertIsCalledWrongly(_ arguments: [String], _ message: String) {
    let outcome = CommandLineProgram.run(CSNConvert.self, arguments: arguments)
    #expect(outcome.code == 64)
    #expect(outcome.errors.hasPrefix("csn-convert: error: \(message)\nUsage: csn-convert INPUT"))
  }

  @Test func defaultOutputs() throws {
    func name(_ task: ConversionRun.Task, _ input: String) throws -> String {
      try ConversionRun(inputs: [input], task: task).defaultOutput()
    }
    #expect(try name(.csn(.v1), "dir.d/resnet50.onnx") == "dir.d/resnet50.csn-v1.graph")
    #expect(try name(.fusion, "a.onnx") == "fusion.graph")
    #expect(throws: CommandLineError.self) { try ConversionOutput("model.pb") }
  }

  @Test func errorsAreOneLine() {
    #expect(CommandLineProgram.message(for: CommandLineError("a\n  b\n\n")) == "a; b")
    #expect(CommandLineProgram.message(for: FileError("x.png", "bad")) == "x.png: bad")
  }

  @Test func helpIsOnStandardOutput() {
    for outcome in [
      CommandLineProgram.run(CSNRun.self, arguments: ["--help"]),
      CommandLineProgram.run(CSNConvert.self, arguments: ["-h"]),
    ] {
      #expect(outcome.code == 0 && outcome.errors.isEmpty)
      #expect(outcome.output.contains("EXAMPLES") && outcome.output.contains("USAGE"))
    }
  }

  @Test(arguments: ["csn-run", "csn-convert"]) func helpIsThatOfTheSnapshot(_ name: String) throws {
    let help = name == "csn-run" ? CSNRun.helpMessage(columns: 100) : CSNConvert.helpMessage(columns: 100)
    let path = packageRoot + "/Tests/CommandLineTests/Snapshots/\(name)-help.txt"
    let snapshot = try ByteRegion(contentsOf: path).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    #expect(
      help + "\n" == snapshot, "where the change is meant: \(name) --help with COLUMNS=100 into \(path)")
  }
}

@Suite struct ProgressTests {
  @Test func lines() {
    #expect(
      Progress.line(title: "fusing", fraction: 0.5, tick: 0, seconds: 3)
        == "fusing [###############...............] 50 %  3 s ")
    #expect(
      Progress.line(title: "loading", fraction: nil, tick: 1, seconds: 1)
        == "loading [.#............................]  1 s ")
  }

  @Test(arguments: [20, 40, 60, 80, 200]) func linesDoNotWrap(columns: Int) {
    let title = "loading /home/somebody/models/of/every/kind/resnet50.onnx"
    for fraction in [nil, 0.5] {
      let line = Progress.line(title: title, fraction: fraction, tick: 1, seconds: 12, columns: columns)
      #expect(line.count < columns)
      #expect(line.hasPrefix("load"))
      #expect(columns < 80 || line.contains("net50.onnx ["))
    }
  }

  @Test func isSilentWhereShort() {
    var written = ""
    let result = Progress.show("quick", isEnabled: true, write: { written += $0 }) { report in
      report(0.5)
      return 7
    }
    #expect(result == 7 && written.isEmpty)
  }
}
