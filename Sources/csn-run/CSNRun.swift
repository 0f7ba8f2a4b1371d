import ArgumentParser
import CSNGraphs
import CommandLineSupport
import GraphRuntime
import ImageFiles
import TensorFiles

struct CSNRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "csn-run",
    abstract: "Fuse or classify pictures with a model, or run it on tensors, inspect it, measure it.",
    usage: """
      csn-run MODEL IMAGE... [-o FILE] [--report FILE.html] [--json]
      csn-run MODEL --inputs IN.npz --outputs OUT.npz
      csn-run MODEL --test-data DIR
      csn-run MODEL --info [--json]
      csn-run MODEL --benchmark [--json]
      """,
    discussion: """
      MODEL is an ONNX file or a .graph file of csn-convert; which of the two is told by its content.

      With pictures (PNG, 8 or 16 bit, grey or colour, with or without alpha), what happens is judged from the \
      model: a fusion graph, or a model with one input a picture such as IFCNN, fuses two or more pictures of one \
      size; a CSN or any other classifier of pictures prints the likeliest classes, a CSN also how similar the \
      pictures are. The result has 16 bits a sample where any picture has, is grey where all are, is as \
      transparent as the most opaque picture at each pixel, and keeps the first picture's profile, EXIF and texts.

      EXAMPLES
        csn-run fusion.graph near.png far.png -o sharp.png
        csn-run fusion.graph infrared.png visible.png --report report.html
        csn-run ifcnn.onnx a.png b.png --preprocess imagenet
        csn-run googlenet.onnx cat.png --preprocess caffe --classes names.txt
        csn-run googlenet.csn-v2.graph cat.png lynx.png --json
        csn-run model.onnx --inputs in.npz --outputs out.npz
        csn-run model.onnx --benchmark --input-shape input=1x3x512x512

      EXIT CODES
        0 done; 1 failed, with one line on standard error; 64 called wrongly.
      """)

  @Argument(help: ArgumentHelp("The model: .onnx or .graph.", valueName: "model"), completion: .file())
  var model: String

  @Argument(help: ArgumentHelp("Pictures to fuse or classify.", valueName: "image"), completion: .file())
  var images: [String] = []

  @OptionGroup(title: "Pictures") var pictures: PictureOptions
  @OptionGroup(title: "Tensors") var tensors: TensorOptions
  @OptionGroup(title: "Looking and measuring") var measuring: MeasuringOptions
  @OptionGroup(title: "How it runs") var execution: ExecutionOptions

  @Flag(help: "Print results as JSON on standard output.")
  var json = false

  enum Task: Equatable { case pictures, tensors, testData, info, benchmark }

  func validate() throws {
    let task = try self.task()
    if task != .pictures, let option = pictures.firstGiven {
      throw ValidationError("\(option) is for pictures, but none are given.")
    }
    if task != .benchmark, let option = measuring.firstGiven {
      throw ValidationError("\(option) needs --benchmark.")
    }
    if task != .testData, tensors.rtol != nil || tensors.atol != nil {
      throw ValidationError("--rtol and --atol need --test-data.")
    }
    if task == .pictures || task == .testData, !execution.inputShapes.isEmpty {
      throw ValidationError("--input-shape is for --inputs, --info and --benchmark.")
    }
    if execution.profile != nil, task == .info {
      throw ValidationError("--profile needs a run; --info makes none.")
    }
  }

  /// What is asked for.
  func task() throws -> Task {
    var tasks: [(name: String, task: Task)] = []
    if !images.isEmpty { tasks.append(("pictures", .pictures)) }
    if tensors.inputs != nil || tensors.outputs != nil { tasks.append(("--inputs", .tensors)) }
    if tensors.testData != nil { tasks.append(("--test-data", .testData)) }
    if measuring.info { tasks.append(("--info", .info)) }
    if measuring.benchmark { tasks.append(("--benchmark", .benchmark)) }
    guard let first = tasks.first else {
      throw ValidationError("Give pictures, --inputs, --test-data, --info or --benchmark.")
    }
    guard tasks.count == 1 else {
      throw ValidationError("\(tasks[0].name) and \(tasks[1].name) can't be combined.")
    }
    if first.task == .tensors, tensors.inputs == nil || tensors.outputs == nil {
      throw ValidationError("--inputs and --outputs go together.")
    }
    return first.task
  }

  func run() throws {
    let settings = execution.settings
    switch try task() {
    case .pictures:
      try PictureRun(
        model: model, images: images, settings: settings, output: pictures.output,
        rule: pictures.rule, color: pictures.color, preprocessing: pictures.preprocess,
        rounding: pictures.rounding, classes: pictures.classes, top: pictures.top,
        report: pictures.report, isJSON: json
      ).run()
    case .tensors:
      try TensorRun(
        model: model, inputs: tensors.inputs ?? "", outputs: tensors.outputs ?? "",
        shapes: execution.shapes(),
        settings: settings, isJSON: json
      ).run()
    case .testData:
      try TestDataRun(
        model: model, folder: tensors.testData ?? "",
        comparison: ValueComparison(rtol: tensors.rtol, atol: tensors.atol ?? 1e-7),
        settings: settings,
        isJSON: json
      ).run()
    case .info:
      try InfoRun(model: model, shapes: execution.shapes(), settings: settings, isJSON: json).run()
    case .benchmark:
      try BenchmarkRun(
        model: model, shapes: execution.shapes(), runs: measuring.runs ?? 20, warmup: measuring.warmup ?? 3,
        batch: measuring.batch, settings: settings, isJSON: json
      ).run()
    }
  }
}
