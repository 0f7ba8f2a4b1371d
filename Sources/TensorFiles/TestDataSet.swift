import FoundationEssentials
import GraphRuntime
import ONNXParse

/// Inputs and expected outputs of a model in the layout of the ONNX standard's tests: `input_K.pb` and `output_K.pb` in one
/// folder, K counting the model's inputs and outputs.
public struct TestDataSet: Sendable {
  /// By the model's position; nil where there is no file.
  public let inputs: [RuntimeValue?]
  public let outputs: [RuntimeValue?]

  /// What kind of value a file holds, which the file itself does not say.
  public enum Kind: Sendable {
    case tensor, sequence, optional

    public init(_ type: ValueType?) {
      switch type {
      case .sequence: self = .sequence
      case .optional: self = .optional
      default: self = .tensor
      }
    }
  }

  /// Reads the files in `folder` for inputs and outputs of the given kinds.
  /// - Throws: `FileError` where there is no file for any output, or one for an input or output that the model lacks.
  public init(folder: String, inputs: [Kind], outputs: [Kind]) throws {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    func read(_ prefix: String, _ kinds: [Kind]) throws -> [RuntimeValue?] {
      for name in names where name.hasPrefix(prefix + "_") && name.hasSuffix(".pb") {
        let number = name.dropFirst(prefix.count + 1).dropLast(3)
        guard let index = Int(number), kinds.indices.contains(index) else {
          throw FileError("\(folder)/\(name)", "the model has only \(kinds.count) \(prefix)s")
        }
      }
      return try kinds.enumerated().map { index, kind in
        let name = "\(prefix)_\(index).pb"
        return names.contains(name) ? try Self.read("\(folder)/\(name)", kind) : nil
      }
    }
    self.inputs = try read("input", inputs)
    self.outputs = try read("output", outputs)
    guard self.outputs.contains(where: { $0 != nil }) else {
      throw FileError(folder, "holds no output_0.pb to compare with")
    }
  }

  /// Reads one file.
  public static func read(_ path: String, _ kind: Kind) throws -> RuntimeValue {
    switch kind {
    case .tensor: .tensor(try Tensor(TensorProto(contentsOf: path)))
    case .sequence: try RuntimeValue(SequenceProto(contentsOf: path))
    case .optional: try RuntimeValue(OptionalProto(contentsOf: path))
    }
  }
}

extension RuntimeValue {
  /// The sequence that a message holds.
  public init(_ proto: SequenceProto) throws {
    self = .sequence(
      try proto.tensors.map { .tensor(try Tensor($0)) } + proto.sparseTensors.map { .tensor(try Tensor($0)) }
        + proto.sequences.map { try RuntimeValue($0) } + proto.optionals.map { try RuntimeValue($0) })
  }

  /// The optional value that a message holds.
  public init(_ proto: OptionalProto) throws {
    switch proto.value {
    case .tensor(let tensor): self = .optional(.tensor(try Tensor(tensor)))
    case .sequence(let sequence): self = .optional(try RuntimeValue(sequence))
    case .optional(let inner): self = .optional(try RuntimeValue(inner))
    case .none: self = .optional(nil)
    default: throw GraphError(.unsupportedType, "an optional of this kind is not supported")
    }
  }
}
