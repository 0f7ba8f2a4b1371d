import ArgumentParser
import CSNGraphs
import CommandLineSupport
import GraphRuntime

struct CSNConvert: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "csn-convert",
    abstract: "Convert models, rewrite classifiers into CSNs, build fusion graphs.",
    usage: """
      csn-convert INPUT [-o OUT.graph|OUT.onnx]
      csn-convert INPUT --csn v1|v2|v3 [-o OUT]
      csn-convert --fusion [INPUT [INPUT]] [-o OUT]
      """,
    discussion: """
      INPUT is an ONNX file or a .graph file, told apart by content; the name of the output tells its format.

      Without --csn and --fusion the model is converted: .onnx to .graph, which is optimised and starts in \
      milliseconds, or back to standard ONNX.

      --csn rewrites a pretrained classifier into a Classification-Similarity Network: images [N,3,224,224], RGB \
      in 0..1, to probabilities [N,C], features [N,32] and similarity [N,N]. --fusion builds the fusion graph on \
      top of one backbone (CSN v1 and v3) or two (and v2): images [N,3,H,W] to fused [1,3,H,W]; without a backbone \
      its filters are made by formula. What is not trained (--head) is derived from the pretrained weights. What \
      was found, judged, derived and loaded is told on standard error.

      --head takes these names: fcI.weight [out,in], fcI.bias [out], bnI.weight, bnI.bias, bnI.running_mean, \
      bnI.running_var [out] (I = 1...K); output.weight [classes,feature], output.bias [classes]; similarity.fc.weight \
      [256,feature], similarity.fc.bias [256], similarity.bn.weight, .bias, .running_mean, .running_var [256], \
      similarity.output.weight [1,256], similarity.output.bias [1]; fm.v1.weight, fm.v2.weight, fm.v3.weight \
      [64,64,k,k] with .bias [64]; decoder.weight [1,64 or 128,7,7], reconstruction.weight [1,64,7,7] with .bias [1].

      EXAMPLES
        csn-convert resnet50.onnx
        csn-convert resnet50.graph -o again.onnx
        csn-convert resnet50.onnx --csn v1
        csn-convert googlenet.onnx --csn v2 --classes imagenet-classes.txt
        csn-convert googlenet.onnx --csn v2 --classes 21 --head head.npz
        csn-convert --fusion resnet50.onnx googlenet.onnx -o fusion.graph
        csn-convert model.onnx --input-shape input=1x3x224x224 --optimize all

      EXIT CODES
        0 done; 1 failed, with one line on standard error; 64 called wrongly.
      """)

  @Argument(help: ArgumentHelp("Models, .onnx or .graph.", valueName: "input"), completion: .file())
  var inputs: [String] = []

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      """
      Where the result goes, .graph or .onnx. (default: INPUT.graph or INPUT.onnx; INPUT.csn-v1.graph with --csn; \
      fusion.graph with --fusion)
      """, valueName: "file"), completion: .file(extensions: ["graph", "onnx"]))
  var output: String?

  @Option(help: ArgumentHelp("Rewrite the classifier INPUT into a CSN.", valueName: "version"))
  var csn: CSNVersion?

  @Flag(help: "Build the fusion graph; INPUTs are the backbones.")
  var fusion = false

  @Option(
    help: ArgumentHelp(
      """
      Widths of the fully connected layers between pooling and output, the last one the feature. (default: \
      1024,512,256,128,32; for v2 512,256,128,32)
      """, valueName: "n,n,..."))
  var widths: IntegerList?

  @Option(help: ArgumentHelp("Names of the classes, one a line, or how many.", valueName: "file|n"))
  var classes: String?

  @Option(help: "How the similarity network joins two features. (default: squared-difference)")
  var integration: Integration?

  @Option(help: "How features are fused; auto is max. (default: auto)")
  var rule: FusionRule?

  @Option(
    help: ArgumentHelp("Trained weights: .npz, .safetensors or .onnx.", valueName: "file"),
    completion: .file(extensions: ["npz", "safetensors", "onnx"]))
  var head: String?

  @Option(
    help: ArgumentHelp(
      """
      What the backbone was trained on: imagenet (RGB-mean)/std; caffe BGR*255-(104,117,123); unit RGB 0..1; raw \
      RGB 0..255; tf RGB -1..1. It becomes part of the graph. For two backbones one, or one each, as in \
      caffe,imagenet. (default: judged from the model)
      """, valueName: "name[,name]"))
  var preprocess: PreprocessingList?

  @Option(
    name: .customLong("input-shape"),
    help: ArgumentHelp("Fix a symbolic input; for each input once.", valueName: "name=1x3x224x224"))
  var inputShapes: [ShapeArgument] = []

  @Option(help: "How far the graph is optimised. (default: all for .graph, none for .onnx)")
  var optimize: OptimizationLevel?

  @Flag(help: "Print what was made as JSON on standard output.")
  var json = false

  func validate() throws {
    if csn != nil, fusion { throw ValidationError("--csn and --fusion can't be combined.") }
    if fusion {
      guard inputs.count <= 2 else { throw ValidationError("--fusion takes two backbones at most.") }
    } else {
      guard !inputs.isEmpty else { throw ValidationError("Missing expected argument '<input>'") }
      guard inputs.count == 1 else { throw ValidationError("More than one input is for --fusion.") }
    }
    if csn == nil, !fusion, let option = rewritingOption {
      throw ValidationError("\(option) is for --csn and --fusion.")
    }
    if !fusion, rule != nil { throw ValidationError("--rule is for --fusion.") }
    if let preprocess, preprocess.elements.count > max(inputs.count, 1) {
      throw ValidationError("--preprocess names more backbones than there are.")
    }
    _ = try ShapeArgument.dictionary(inputShapes)
  }

  /// The first option that only rewriting takes.
  private var rewritingOption: String? {
    let options: [(String, Bool)] = [
      ("--widths", widths != nil), ("--classes", classes != nil), ("--integration", integration != nil),
      ("--rule", rule != nil), ("--head", head != nil), ("--preprocess", preprocess != nil),
    ]
    return options.first(where: \.1)?.0
  }

  func run() throws {
    try ConversionRun(
      inputs: inputs, output: output, task: csn.map { .csn($0) } ?? (fusion ? .fusion : .convert),
      widths: widths?.elements, classes: classes, integration: integration ?? .squaredDifference,
      rule: rule ?? .auto, head: head, preprocessing: preprocess?.elements ?? [],
      shapes: ShapeArgument.dictionary(inputShapes), optimization: optimize, isJSON: json
    ).run()
  }
}
