import GraphRuntime
import ONNXParse
import TensorFiles

/// `csn-run MODEL --test-data DIR`: compares a model's outputs with recorded ones.
public struct TestDataRun {
  public var model: String
  public var folder: String
  public var comparison: ValueComparison
  public var settings: RunSettings
  public var isJSON: Bool

  public init(
    model: String, folder: String, comparison: ValueComparison, settings: RunSettings, isJSON: Bool
  ) {
    self.model = model
    self.folder = folder
    self.comparison = comparison
    self.settings = settings
    self.isJSON = isJSON
  }

  /// How one output compares.
  struct Verdict: Encodable {
    let output: String
    let passed: Bool
    let largestDifference: Double
    let failure: String?

    enum CodingKeys: String, CodingKey {
      case output, passed, failure
      case largestDifference = "largest_difference"
    }

    var line: String {
      let difference = formatted("%.3g", largestDifference)
      return "\(passed ? "pass" : "FAIL") \(output): "
        + (failure.map { "\($0) (largest difference \(difference))" } ?? "largest difference \(difference)")
    }
  }

  private struct Summary: Encodable {
    let passed: Bool
    let outputs: [Verdict]
  }

  /// Prints pass or fail for each output.
  /// - Throws: `CommandLineError` where one differs.
  public func run() throws {
    try OutputFile.check(settings.outputs, notReplacing: [self.model])
    let model = try LoadedModel(self.model, settings)
    let session = model.session
    let data = try TestDataSet(
      folder: folder, inputs: session.inputs.map { .init($0.type) },
      outputs: session.outputs.map { .init($0.type) })
    var values: [String: RuntimeValue] = [:]
    for (port, value) in zip(session.inputs, data.inputs) { values[port.name] = value }
    let results = try Progress.show("running") { _ in try session.run(values: values) }
    let verdicts = zip(session.outputs, data.outputs).compactMap { port, expected -> Verdict? in
      guard let expected else { return nil }
      guard let actual = results[port.name] else {
        return Verdict(output: port.name, passed: false, largestDifference: 0, failure: "was not computed")
      }
      let result = comparison.compare(actual, expected)
      return Verdict(
        output: port.name, passed: result.failure == nil, largestDifference: result.largestDifference,
        failure: result.failure)
    }
    try OutputFile.write(settings.parts(session))
    settings.tell(session)
    let failures = verdicts.filter { !$0.passed }
    if isJSON {
      try JSONOutput.write(Summary(passed: failures.isEmpty, outputs: verdicts))
    } else {
      for verdict in verdicts { try StandardOutput.write(verdict.line) }
    }
    guard failures.isEmpty else {
      throw CommandLineError("\(failures.count) of \(verdicts.count) outputs differ from \(folder)")
    }
  }
}
