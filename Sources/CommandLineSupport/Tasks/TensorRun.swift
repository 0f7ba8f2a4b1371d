import Foundation
import GraphRuntime
import ONNXParse
import TensorFiles

/// `csn-run MODEL --inputs in.npz --outputs out.npz`: runs any model on any tensors.
public struct TensorRun {
  public var model: String
  public var inputs: String
  public var outputs: String
  public var options: Session.Options

  public init(model: String, inputs: String, outputs: String, options: Session.Options) {
    self.model = model
    self.inputs = inputs
    self.outputs = outputs
    self.options = options
  }

  /// - Returns: the session, for its profile.
  @discardableResult
  public func run() throws -> Session {
    try OutputFile.check(outputs)
    let given = try NPZ.read(from: inputs)
    let model = try LoadedModel(self.model, options: options)
    let results = try Progress.show("running") { _ in try model.session.run(given.dictionary) }
    var named = NamedTensors()
    for port in model.session.outputs {
      if let tensor = results[port.name] { named.append(tensor, named: port.name) }
    }
    try NPZ.write(named, to: outputs)
    return model.session
  }
}
