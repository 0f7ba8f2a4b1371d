import GraphRuntime
import ONNXParse
import TensorFiles

/// `csn-run MODEL --inputs in.npz --outputs out.npz`: runs any model on any tensors.
public struct TensorRun {
  public var model: String
  public var inputs: String
  public var outputs: String
  /// What the arrays must be of, by input name.
  public var shapes: [String: [Int]]
  public var settings: RunSettings
  public var isJSON: Bool

  public init(
    model: String, inputs: String, outputs: String, shapes: [String: [Int]] = [:], settings: RunSettings,
    isJSON: Bool = false
  ) {
    self.model = model
    self.inputs = inputs
    self.outputs = outputs
    self.shapes = shapes
    self.settings = settings
    self.isJSON = isJSON
  }

  /// What is printed with `--json`.
  private struct Summary: Encodable {
    let outputs: [ModelInfo.Port]
    let file: String
  }

  public func run() throws {
    try OutputFile.check(
      [OutputFile("--outputs", outputs)] + settings.outputs, notReplacing: [self.model, inputs])
    let given = try NPZ.read(from: inputs)
    for (name, shape) in shapes where given[name].map({ $0.shape != shape }) ?? true {
      throw CommandLineError(
        "--input-shape: \(inputs) holds \(given[name].map { "'\(name)' \($0)" } ?? "no '\(name)'"), not \(shape)"
      )
    }
    var once = settings
    // The one run needs no weight twice.
    once.session.releasesWeights = true
    let model = try LoadedModel(self.model, once)
    let results = try Progress.show("running") { _ in try model.session.run(given.dictionary) }
    var named = NamedTensors()
    for port in model.session.outputs {
      if let tensor = results[port.name] { named.append(tensor, named: port.name) }
    }
    try OutputFile.write([NPZ.part(named, outputs)] + settings.parts(model.session))
    settings.tell(model.session)
    guard isJSON else { return }
    try JSONOutput.write(
      Summary(
        outputs: named.map { name, tensor in
          ModelInfo.Port(name: name, type: .tensor(tensor.type))
        }, file: outputs))
  }
}
