import ArgumentParser
import CSNGraphs
import CommandLineSupport
import GraphRuntime
import ImageFiles

/// Options of fusing and classifying.
struct PictureOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Where the fused picture goes. (default: fused.png)", valueName: "file"),
    completion: .file(extensions: ["png"]))
  var output: String?

  @Option(help: "How features are fused; auto is what the graph was made for. (default: auto)")
  var rule: FusionRule?

  @Option(
    help: """
      What is fused: luma, with the pictures' chroma added, or rgb as the model gives it; auto makes grey of grey \
      pictures, and fuses luma where a foreign model gets both grey and colour. (default: auto)
      """)
  var color: ColorMode?

  @Option(
    help: ArgumentHelp(
      """
      What a foreign model reads: (RGB-mean)/std of ImageNet; BGR*255-(104,117,123); RGB 0..1; RGB 0..255; \
      RGB -1..1. The output of a fusion model is brought back accordingly. (default: unit for fusion, imagenet for \
      classifiers)
      """))
  var preprocess: Preprocessing?

  @Option(help: "What becomes of a level between two levels. (default: nearest)")
  var rounding: Rounding?

  @Option(
    help: ArgumentHelp("Names of the classes, one a line. (default: the graph's own)", valueName: "file"),
    completion: .file())
  var classes: String?

  @Option(help: ArgumentHelp("How many classes to print for a picture. (default: 5)", valueName: "k"))
  var top: Int?

  @Option(
    help: ArgumentHelp("Write a page with pictures, similarity and classes.", valueName: "file.html"),
    completion: .file(extensions: ["html"]))
  var report: String?

  func validate() throws {
    if let top, top < 1 { throw ValidationError("--top must be at least 1.") }
  }

  /// The first option that was given.
  var firstGiven: String? {
    let options: [(String, Bool)] = [
      ("--output", output != nil), ("--rule", rule != nil), ("--color", color != nil),
      ("--preprocess", preprocess != nil), ("--rounding", rounding != nil), ("--classes", classes != nil),
      ("--top", top != nil), ("--report", report != nil),
    ]
    return options.first(where: \.1)?.0
  }
}

/// Options of running on tensors.
struct TensorOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Arrays by the names of the model's inputs.", valueName: "in.npz"),
    completion: .file(extensions: ["npz"]))
  var inputs: String?

  @Option(
    help: ArgumentHelp("Where the outputs go.", valueName: "out.npz"), completion: .file(extensions: ["npz"]))
  var outputs: String?

  @Option(
    help: ArgumentHelp(
      "Run on input_K.pb and compare with output_K.pb; exit 1 where one differs.", valueName: "dir"),
    completion: .directory)
  var testData: String?

  @Option(help: "Relative tolerance of --test-data. (default: 1e-3; of bfloat16 1.6e-2)")
  var rtol: Double?

  @Option(help: "Absolute tolerance of --test-data. (default: 1e-7)")
  var atol: Double?

  func validate() throws {
    for (name, value) in [("--rtol", rtol), ("--atol", atol)] {
      if let value, !(value >= 0) { throw ValidationError("\(name) must not be negative.") }
    }
  }
}

/// Options of looking at a model and measuring it.
struct MeasuringOptions: ParsableArguments {
  @Flag(help: "Print inputs, outputs, operators, parameters, multiply-adds, passes and the plan.")
  var info = false

  @Flag(help: "Run on random inputs; print latency and memory.")
  var benchmark = false

  @Option(help: ArgumentHelp("How many runs are measured. (default: 20)", valueName: "n"))
  var runs: Int?

  @Option(help: ArgumentHelp("How many runs go before them. (default: 3)", valueName: "n"))
  var warmup: Int?

  @Option(help: ArgumentHelp("The batch of a model that leaves it open. (default: 1)", valueName: "n"))
  var batch: Int?

  func validate() throws {
    if let runs, runs < 1 { throw ValidationError("--runs must be at least 1.") }
    if let runs, runs > 1_000_000 { throw ValidationError("--runs must be at most 1000000.") }
    if let warmup, warmup < 0 { throw ValidationError("--warmup must not be negative.") }
    if let batch, batch < 1 { throw ValidationError("--batch must be at least 1.") }
  }

  /// The first option of --benchmark that was given.
  var firstGiven: String? {
    runs != nil ? "--runs" : warmup != nil ? "--warmup" : batch != nil ? "--batch" : nil
  }
}

/// Options of how a model runs.
struct ExecutionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Threads. (default: as many as the process may use)", valueName: "n"))
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "The most memory a run may take, as in 800MB or 2GiB. (default: what the machine has)",
      valueName: "size"))
  var maxMemory: ByteSize?

  @Option(
    help: """
      The arithmetic of convolutions and matrix products, as far as CPU and model allow; int8 is for models that were \
      quantised. (default: f32)
      """)
  var precision: Precision?

  @Option(
    help: ArgumentHelp(
      "Write a trace of the run, of many the last (Chrome's format), and print where the time went.",
      valueName: "trace.json"), completion: .file(extensions: ["json"]))
  var profile: String?

  @Option(
    name: .customLong("input-shape"),
    help: ArgumentHelp(
      "The shape of a symbolic input, for --info and --benchmark; for each input once.",
      valueName: "name=1x3x512x512"))
  var inputShapes: [ShapeArgument] = []

  func validate() throws {
    if let threads, !(1...256).contains(threads) { throw ValidationError("--threads must be from 1 to 256.") }
    _ = try shapes()
  }

  func shapes() throws -> [String: [Int]] { try ShapeArgument.dictionary(inputShapes) }

  var settings: RunSettings {
    var options = Session.Options()
    options.threads = threads
    options.maxMemory = maxMemory?.bytes
    return RunSettings(session: options, precision: precision ?? .f32, profile: profile)
  }
}
