import Foundation
import GraphRuntime
import ONNXParse
import TestSupport

/// The test suite of the ONNX standard, as scripts/make-conformance-cases.py writes it to .build/conformance.
struct ConformanceSuite: Decodable {
  let onnx: String
  let cases: [ConformanceCase]

  /// Whether every case is run, or only those whose operators are all registered.
  static let runsAll = ProcessInfo.processInfo.environment["CSN_CONFORMANCE"] == "all"

  /// Only cases whose names contain this text are run, and each is reported.
  static let filter = ProcessInfo.processInfo.environment["CSN_CONFORMANCE_FILTER"]

  /// The suite, written first where it is missing or older than the script.
  static let shared = Result { () throws -> ConformanceSuite in
    let script = packageRoot + "/scripts/make-conformance-cases.py"
    let folder = packageRoot + "/.build/conformance"
    let list = folder + "/cases.json"
    if try modificationDate(list) ?? .distantPast < modificationDate(script) ?? .distantFuture {
      try Python.run(file: script, arguments: [folder])
    }
    return try JSONDecoder().decode(ConformanceSuite.self, from: Data(contentsOf: URL(filePath: list)))
  }

  private static func modificationDate(_ path: String) throws -> Date? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
  }
}

/// One case: a model, inputs and the outputs that the standard expects.
struct ConformanceCase: Decodable, Sendable {
  enum ValueKind: String, Decodable { case tensor, sequence, optional }

  let name: String
  /// `node`, `simple`, `pytorch-converted`, `pytorch-operator` or `light`.
  let kind: String
  let folder: String
  let model: String
  let rtol: Double
  let atol: Double
  let operators: [String]
  let inputs: [ValueKind]
  let outputs: [ValueKind]
  /// How many sets of inputs and outputs there are.
  let sets: Int

  /// The operators that the runtime doesn't have.
  var missingOperators: [String] {
    operators.filter { name in
      let parts = name.split(separator: ".")
      let op = OperatorName(String(parts.last ?? ""), domain: parts.dropLast().joined(separator: "."))
      return OperatorRegistry.standard[op] == nil && !OperatorRegistry.rewrittenOnImport.contains(op)
    }
  }

  /// What is wrong with the runtime's answer; nil if nothing.
  func failure() -> String? {
    do {
      var options = Session.Options()
      options.threads = 1
      let session = try Session(Graph(importing: Model(contentsOf: model)), options: options)
      for set in 0..<sets {
        if let failure = try failure(of: session, set: set) { return failure }
      }
      return nil
    } catch {
      return "\(error)"
    }
  }

  private func failure(of session: Session, set: Int) throws -> String? {
    let data = "\(folder)/test_data_set_\(set)"
    var values: [String: RuntimeValue] = [:]
    for (index, input) in session.inputs.enumerated() where inputs.indices.contains(index) {
      values[input.name] = try read("\(data)/input_\(index).pb", inputs[index])
    }
    let results = try session.run(values: values)
    guard session.outputs.count == outputs.count else {
      return "\(session.outputs.count) outputs, not \(outputs.count)"
    }
    for (index, output) in session.outputs.enumerated() {
      guard let result = results[output.name] else { return "output '\(output.name)' is missing" }
      let expected = try read("\(data)/output_\(index).pb", outputs[index])
      if let difference = Comparison(rtol: rtol, atol: atol).difference(result, expected) {
        return "output \(index): \(difference)"
      }
    }
    return nil
  }

  private func read(_ path: String, _ kind: ValueKind) throws -> RuntimeValue {
    switch kind {
    case .tensor: .tensor(try Tensor(TensorProto(contentsOf: path)))
    case .sequence: try RuntimeValue(SequenceProto(contentsOf: path))
    case .optional: try RuntimeValue(OptionalProto(contentsOf: path))
    }
  }
}

extension RuntimeValue {
  init(_ proto: SequenceProto) throws {
    self = .sequence(
      try proto.tensors.map { .tensor(try Tensor($0)) } + proto.sequences.map { try RuntimeValue($0) }
        + proto.optionals.map { try RuntimeValue($0) })
  }

  init(_ proto: OptionalProto) throws {
    switch proto.value {
    case .tensor(let tensor): self = .optional(.tensor(try Tensor(tensor)))
    case .sequence(let sequence): self = .optional(try RuntimeValue(sequence))
    case .optional(let inner): self = .optional(try RuntimeValue(inner))
    default: self = .optional(nil)
    }
  }
}
