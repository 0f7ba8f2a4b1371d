import Foundation
import GraphRuntime
import ImageFiles
import ONNXParse
import TestSupport
import Testing

@testable import CommandLineSupport

@Suite struct PictureRunTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try SmallModels.write(SmallModels.maximum(), to: folder.path("max.onnx"))
  }

  private func write(_ image: Image, _ name: String) throws { try PNG.write(image, to: folder.path(name)) }

  private func csnRun(_ arguments: String...) throws -> ProcessResult {
    try runExecutable("csn-run", arguments, in: folder)
  }

  @Test func greyGivesGrey() throws {
    try write(picture(width: 4, height: 3, .grey) { row, column, _ in row * 60 + column }, "a.png")
    try write(picture(width: 4, height: 3, .grey) { row, column, _ in 255 - row * 60 - column }, "b.png")
    let result = try csnRun("max.onnx", "a.png", "b.png")
    #expect(result.status == 0 && result.errors.isEmpty)
    #expect(result.output == "fused.png: 4x3, 8 bit grey\n")
    let expected = picture(width: 4, height: 3, .grey) { row, column, _ in
      max(row * 60 + column, 255 - row * 60 - column)
    }
    #expect(try PNG.read(from: folder.path("fused.png")).samples == expected.samples)
  }

  @Test func greyInColorFilesGivesGrey() throws {
    try write(picture(width: 4, height: 3) { row, column, _ in row * 60 + column }, "a.png")
    try write(picture(width: 4, height: 3, .grey) { _, _, _ in 9 }, "b.png")
    #expect(try csnRun("max.onnx", "a.png", "b.png").output == "fused.png: 4x3, 8 bit grey\n")
  }

  @Test func colorIsFusedByChannel() throws {
    try write(picture(width: 4, height: 3) { row, column, channel in row * 60 + column + channel }, "a.png")
    try write(picture(width: 4, height: 3) { row, column, channel in 200 - row * 60 - 9 * channel }, "b.png")
    let result = try csnRun("max.onnx", "a.png", "b.png", "-o", "c.png", "--json")
    #expect(result.output == "{\n  \"fused\" : \"c.png\"\n}\n")
    let expected = picture(width: 4, height: 3) { row, column, channel in
      max(row * 60 + column + channel, 200 - row * 60 - 9 * channel)
    }
    #expect(try PNG.read(from: folder.path("c.png")).samples == expected.samples)
  }

  @Test func sixteenBitsStay() throws {
    try write(
      picture(width: 2, height: 2, .grey, bitDepth: 16) { row, column, _ in 300 * row + column }, "a.png")
    try write(picture(width: 2, height: 2, .grey) { _, _, _ in 1 }, "b.png")
    #expect(try csnRun("max.onnx", "a.png", "b.png").output == "fused.png: 2x2, 16 bit grey\n")
    #expect(try PNG.read(from: folder.path("fused.png")).samples == .sixteen([257, 257, 300, 301]))
  }

  @Test func greyAndColorKeepTheColor() throws {
    let color = picture(width: 3, height: 3) { row, column, channel in [200, 40 + row, 90 + column][channel] }
    try write(color, "a.png")
    try write(picture(width: 3, height: 3, .grey) { _, _, _ in 0 }, "b.png")
    #expect(try csnRun("max.onnx", "a.png", "b.png").output == "fused.png: 3x3, 8 bit RGB\n")
    #expect(try PNG.read(from: folder.path("fused.png")).samples == color.samples)
  }

  @Test func alphaIsThatOfTheMostOpaque() throws {
    try write(
      picture(width: 2, height: 1, .greyAlpha) { _, column, channel in channel == 0 ? 9 : 100 * column },
      "a.png")
    try write(picture(width: 2, height: 1, .greyAlpha) { _, _, channel in channel == 0 ? 8 : 50 }, "b.png")
    #expect(try csnRun("max.onnx", "a.png", "b.png").output == "fused.png: 2x1, 8 bit grey with alpha\n")
    #expect(try PNG.read(from: folder.path("fused.png")).samples == .eight([9, 50, 9, 100]))
    try write(picture(width: 2, height: 1, .grey) { _, _, _ in 8 }, "b.png")
    #expect(try csnRun("max.onnx", "a.png", "b.png").output == "fused.png: 2x1, 8 bit grey\n")
  }

  @Test func greyModelsFuseLuma() throws {
    try SmallModels.write(SmallModels.maximum(channels: 1), to: folder.path("grey.graph"))
    let color = picture(width: 3, height: 3) { row, column, channel in [200, 40 + row, 90 + column][channel] }
    try write(color, "a.png")
    #expect(try csnRun("grey.graph", "a.png", "a.png").output == "fused.png: 3x3, 8 bit RGB\n")
    #expect(try PNG.read(from: folder.path("fused.png")).samples == color.samples)
    let result = try csnRun("grey.graph", "a.png", "a.png", "--preprocess", "imagenet")
    #expect(result.errors.contains("--preprocess imagenet is for colour, but the model takes one channel"))
  }

  @Test(arguments: ["imagenet", "caffe", "unit", "raw", "tf"]) func preprocessingIsUndone(_ name: String)
    throws
  {
    let image = picture(width: 5, height: 4) { row, column, channel in 50 * row + 9 * column + channel * 3 }
    try write(image, "a.png")
    #expect(try csnRun("max.onnx", "a.png", "a.png", "--preprocess", name).status == 0)
    #expect(try PNG.read(from: folder.path("fused.png")).samples == image.samples)
  }

  @Test func profilesAndTextsStay() throws {
    var image = picture(width: 2, height: 2) { _, _, channel in 60 * channel }
    image.metadata.texts = [.init(keyword: "Author", value: "me")]
    image.metadata.exif = [0x49, 0x49, 0x2A, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    image.metadata.gamma = 45455
    try write(image, "a.png")
    #expect(try csnRun("max.onnx", "a.png", "a.png").status == 0)
    #expect(try PNG.read(from: folder.path("fused.png")).metadata == image.metadata)
  }

  @Test func classifiersNameClasses() throws {
    try SmallModels.write(SmallModels.color(), to: folder.path("color.onnx"))
    try Data("red\ngreen\nblue\n".utf8).write(to: URL(filePath: folder.path("names.txt")))
    try write(picture(width: 40, height: 31) { _, _, channel in channel == 1 ? 250 : 5 }, "a.png")
    try write(picture(width: 31, height: 40, .grey) { _, _, _ in 7 }, "b.png")
    let result = try csnRun(
      "color.onnx", "a.png", "b.png", "--classes", "names.txt", "--preprocess", "unit", "--top", "2", "--json"
    )
    let summary = try JSONDecoder().decode(Summary.self, from: Data(result.output.utf8))
    #expect(summary.classes?.map { $0.map(\.label) } == [["green", "red"], ["red", "green"]])
    #expect(summary.classes?[0][0].index == 1)
    #expect(abs((summary.classes?[1][0].probability ?? 0) - 1.0 / 3) < 1e-6)
    #expect(summary.fused == nil && summary.similarity == nil)
    #expect(try csnRun("color.onnx", "a.png").output.hasPrefix("a.png: class 1 100.0 %, class 0 0.0 %"))
    #expect(
      try csnRun("color.onnx", "a.png", "-o", "x.png").errors.contains("makes no picture: -o has no use"))
  }

  private struct Summary: Decodable {
    struct Prediction: Decodable {
      let label: String
      let index: Int
      let probability: Double
    }

    let fused: String?
    let similarity: [[Double]]?
    let classes: [[Prediction]]?
  }

  @Test func reportsHoldEverything() throws {
    try write(picture(width: 4, height: 3) { row, column, channel in row * 60 + column + channel }, "<a>.png")
    #expect(try csnRun("max.onnx", "<a>.png", "<a>.png", "--report", "r.html").status == 0)
    let page = try String(contentsOfFile: folder.path("r.html"), encoding: .utf8)
    #expect(page.components(separatedBy: "src=\"data:image/png;base64,").count == 4)
    #expect(page.contains("&lt;a&gt;.png") && !page.contains("<a>"))
    #expect(!page.contains("http"))
  }

  // MARK: - Errors

  private func expectFailure(
    _ result: ProcessResult, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(result.status == 1, sourceLocation: sourceLocation)
    #expect(result.output.isEmpty, sourceLocation: sourceLocation)
    #expect(result.errors.hasPrefix("csn-run: error: "), "\(result.errors)", sourceLocation: sourceLocation)
    #expect(result.errors.contains(message), "\(result.errors)", sourceLocation: sourceLocation)
    #expect(result.errors.filter(\.isNewline).count == 1, "\(result.errors)", sourceLocation: sourceLocation)
    #expect(!folder.content.contains { $0.hasSuffix(".tmp") }, sourceLocation: sourceLocation)
  }

  @Test func failedRunsLeaveTheOutputAlone() throws {
    try write(picture(width: 4, height: 3) { row, _, _ in row }, "a.png")
    try write(picture(width: 3, height: 4) { row, _, _ in row }, "b.png")
    try Data("old".utf8).write(to: URL(filePath: folder.path("out.png")))
    try SmallModels.write(SmallModels.unsupported(), to: folder.path("odd.onnx"))
    let model = try Data(contentsOf: URL(filePath: folder.path("max.onnx")))
    try model.prefix(model.count - 20).write(to: URL(filePath: folder.path("cut.onnx")))
    let png = try Data(contentsOf: URL(filePath: folder.path("a.png")))
    try png.prefix(png.count - 20).write(to: URL(filePath: folder.path("cut.png")))

    expectFailure(
      try csnRun("max.onnx", "a.png", "b.png", "-o", "out.png"),
      "the pictures differ in size: a.png is 4x3, b.png is 3x4")
    expectFailure(try csnRun("max.onnx", "a.png", "-o", "out.png"), "fusing takes two pictures or more")
    expectFailure(
      try csnRun("max.onnx", "a.png", "a.png", "a.png", "-o", "out.png"), "fuses 2 pictures, but 3 are given")
    expectFailure(try csnRun("odd.onnx", "a.png", "a.png", "-o", "out.png"), "Frobnicate")
    expectFailure(try csnRun("cut.onnx", "a.png", "a.png", "-o", "out.png"), "cut.onnx")
    expectFailure(try csnRun("max.onnx", "a.png", "cut.png", "-o", "out.png"), "cut.png: bad PNG")
    expectFailure(try csnRun("max.onnx", "a.png", "none.png", "-o", "out.png"), "none.png")
    expectFailure(try csnRun("none.onnx", "a.png", "a.png", "-o", "out.png"), "none.onnx")
    expectFailure(try csnRun("a.png", "a.png", "a.png", "-o", "out.png"), "a.png")
    expectFailure(try csnRun("max.onnx", "a.png", "a.png", "-o", "no/out.png"), "no/out.png: cannot write")
    expectFailure(try csnRun("max.onnx", "a.png", "a.png", "-o", "out.png", "--rule", "sum"), "--rule")
    expectFailure(
      try csnRun("max.onnx", "a.png", "a.png", "-o", "out.png", "--max-memory", "64"), "more than the limit")
    expectFailure(
      try csnRun("max.onnx", "a.png", "a.png", "-o", "out.png", "--precision", "int8"), "--precision int8")
    #expect(try Data(contentsOf: URL(filePath: folder.path("out.png"))) == Data("old".utf8))
    #expect(!folder.content.contains("fused.png"))
  }

  @Test func noInputIsReplaced() throws {
    let image = picture(width: 4, height: 3) { row, _, _ in row }
    try write(image, "a.png")
    try write(picture(width: 4, height: 3) { row, _, _ in 9 * row }, "b.png")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link.png"), withDestinationPath: folder.path("a.png"))
    for (option, path) in [
      ("-o", "a.png"), ("-o", "./a.png"), ("-o", "link.png"), ("-o", "max.onnx"), ("--report", "b.png"),
      ("--profile", "../\(URL(filePath: folder.path).lastPathComponent)/a.png"),
    ] {
      expectFailure(
        try csnRun("max.onnx", "a.png", "b.png", option, path),
        "would replace \(path), which is an input; name it with \(option)")
    }
    expectFailure(
      try csnRun("max.onnx", "a.png", "b.png", "--report", "./fused.png"), "-o and --report name one file")
    expectFailure(
      try csnRun("max.onnx", "a.png", "b.png", "--report", "x", "--profile", "x"),
      "--report and --profile name one file")
    #expect(try PNG.read(from: folder.path("a.png")).samples == image.samples)
  }

  @Test func whereTheReportFailsThePictureStays() throws {
    try write(picture(width: 4, height: 3) { row, _, _ in row }, "a.png")
    try Data("old".utf8).write(to: URL(filePath: folder.path("out.png")))
    for option in ["--report", "--profile"] {
      expectFailure(
        try csnRun("max.onnx", "a.png", "a.png", "-o", "out.png", option, "/dev/full"),
        "/dev/full: cannot write")
    }
    #expect(try Data(contentsOf: URL(filePath: folder.path("out.png"))) == Data("old".utf8))
  }

  @Test func modelsThatChangeTheSizeAreRefused() throws {
    try SmallModels.write(SmallModels.shrinking(), to: folder.path("small.onnx"))
    try write(
      picture(width: 6, height: 5) { row, column, channel in row * 20 + column * channel }, "color.png")
    try write(picture(width: 6, height: 5, .grey) { row, _, _ in row }, "grey.png")
    try write(picture(width: 6, height: 5, .greyAlpha) { row, _, _ in 9 * row }, "alpha.png")
    for pair in [("color.png", "grey.png"), ("alpha.png", "alpha.png"), ("color.png", "color.png")] {
      expectFailure(
        try csnRun("small.onnx", pair.0, pair.1), "small.onnx makes a picture of 4x3 from pictures of 6x5")
    }
    #expect(!folder.content.contains("fused.png"))
  }

  @Test(arguments: [
    [0, 3, 28, 28], [1, 3, 0, 0], [1, 3, 28, 1 << 20], [1, 3, 1 << 20, 1 << 20], [1, 1 << 15, 28, 3],
  ]) func classifiersOfImpossibleSizesAreRefused(_ shape: [Int]) throws {
    try SmallModels.write(SmallModels.color(input: Shape(shape)), to: folder.path("odd.onnx"))
    try write(picture(width: 4, height: 3) { row, _, _ in row }, "a.png")
    expectFailure(try csnRun("odd.onnx", "a.png"), "odd.onnx")
  }

  @Test func classifiersMayTakeChannelsLast() throws {
    try SmallModels.write(
      SmallModels.color(input: [.symbol("N"), .symbol("H"), .symbol("W"), 3]), to: folder.path("last.onnx"))
    try write(picture(width: 40, height: 31) { _, _, channel in channel == 1 ? 250 : 5 }, "a.png")
    let result = try csnRun("last.onnx", "a.png", "--preprocess", "unit")
    #expect(result.output.hasPrefix("a.png: class 1 100.0 %, class 0 0.0 %"), "\(result)")
  }

  @Test func optionsWithoutUseAreRefused() throws {
    try SmallModels.write(SmallModels.color(), to: folder.path("color.onnx"))
    try SmallModels.write(SmallModels.maximum(channels: 1), to: folder.path("grey.onnx"))
    #expect(try runExecutable("csn-convert", ["--fusion"], in: folder).status == 0)
    try Data("red\ngreen\nblue\n".utf8).write(to: URL(filePath: folder.path("names.txt")))
    try write(picture(width: 4, height: 3) { row, _, channel in row * channel }, "a.png")
    for (model, options) in [
      ("color.onnx", ["--rule", "mean"]), ("color.onnx", ["--color", "rgb"]),
      ("color.onnx", ["--rounding", "truncate"]), ("color.onnx", ["-o", "x.png"]),
      ("max.onnx", ["--top", "3"]), ("max.onnx", ["--classes", "names.txt"]),
      ("grey.onnx", ["--color", "rgb"]),
      ("fusion.graph", ["--preprocess", "caffe"]), ("fusion.graph", ["--top", "3"]),
    ] {
      let pictures = model == "color.onnx" ? ["a.png"] : ["a.png", "a.png"]
      let option = options == ["--color", "rgb"] && model == "grey.onnx" ? "--color rgb" : options[0]
      expectFailure(
        try runExecutable("csn-run", [model] + pictures + options, in: folder), ": \(option) has no use")
    }
    let counted = try csnRun("color.onnx", "a.png", "--classes", "3")
    #expect(counted.status == 64 && counted.errors.contains("--classes takes a file of names here."))
    #expect(!folder.content.contains("fused.png"))
  }

  @Test func picturesCountAgainstTheMemory() throws {
    try write(picture(width: 300, height: 200, .grey) { _, _, _ in 7 }, "a.png")
    expectFailure(
      try csnRun("max.onnx", "a.png", "a.png", "--max-memory", "2MB"),
      "a.png: bad PNG: the picture has 60000 pixels, more than the limit of 31250")
    try SmallModels.write(SmallModels.color(), to: folder.path("color.onnx"))
    #expect(try csnRun("color.onnx", "a.png", "a.png", "--max-memory", "2MB").status == 0)
  }

  @Test func inputsAreNotReplacedByDefault() throws {
    try write(picture(width: 4, height: 3) { row, _, _ in row }, "fused.png")
    expectFailure(try csnRun("max.onnx", "fused.png", "fused.png"), "name it with -o")
  }
}
