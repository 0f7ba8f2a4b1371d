/// What the runtime knows of one operator, in the newest opset's meaning: arity, types, and how to compute it.
///
/// One table of these (`OperatorRegistry`) is all that the rest of the runtime knows of operators.
public struct Operator: Sendable {
  public let name: OperatorName
  public let inputs: ClosedRange<Int>
  public let outputs: ClosedRange<Int>
  /// Sets the types of the outputs from those of the inputs; throws on what the operator can't take.
  let infer: @Sendable (inout TypeInference) throws -> Void
  let implementation: Implementation
  /// Computes at once where strings are among the inputs or outputs, for kernels that don't just move them.
  let stringImplementation: (@Sendable (Evaluation) throws -> [RuntimeValue?])?
  /// How an output may share its input's memory.
  let sharing: Sharing
  /// False for operators that draw random numbers: such nodes are neither folded nor merged.
  let isDeterministic: Bool
  /// How it works on channel-blocked tensors; nil where it does not.
  var blocked: BlockedImplementation? { BlockedOperators.implementations[name] }

  enum Implementation: Sendable {
    /// Prepares a computation for concrete types, to be run any number of times; used by plans and interpreter alike.
    case kernel(@Sendable (inout KernelBuilder) throws -> Void)
    /// Computes at once; for operators whose output shapes depend on data, and for sequences and control flow. Interpreter only.
    case evaluate(@Sendable (Evaluation) throws -> [RuntimeValue?])
  }

  enum Sharing: Sendable {
    case none
    /// Output 0 may be written over any one of these inputs, where its size is the same.
    case overwrites([Int])
    /// Output 0 is input 0 under another shape: no work, no memory.
    case view
    /// Output 0 is the inputs one behind the other; inputs made in their place there need no copy.
    case joins(ImageAxis)
    /// The outputs are parts of input 0, one behind the other; outputs that lie there need no copy.
    case splits(ImageAxis)
  }

  /// An axis along which blocked tensors can be cut with no copy: between images, or between blocks of channels.
  enum ImageAxis: Sendable { case images, channels }

  /// More inputs or outputs than any model has.
  static let variadic = Int(Int32.max)

  init(
    _ name: OperatorName, inputs: ClosedRange<Int>, outputs: ClosedRange<Int> = 1...1,
    sharing: Sharing = .none,
    isDeterministic: Bool = true, infer: @escaping @Sendable (inout TypeInference) throws -> Void,
    kernel: @escaping @Sendable (inout KernelBuilder) throws -> Void,
    strings: (@Sendable (Evaluation) throws -> [RuntimeValue?])? = nil
  ) {
    self.init(
      name: name, inputs: inputs, outputs: outputs, infer: infer, implementation: .kernel(kernel),
      stringImplementation: strings, sharing: sharing, isDeterministic: isDeterministic)
  }

  init(
    _ name: OperatorName, inputs: ClosedRange<Int>, outputs: ClosedRange<Int> = 1...1,
    isDeterministic: Bool = true,
    infer: @escaping @Sendable (inout TypeInference) throws -> Void,
    evaluate: @escaping @Sendable (Evaluation) throws -> [RuntimeValue?]
  ) {
    self.init(
      name: name, inputs: inputs, outputs: outputs, infer: infer, implementation: .evaluate(evaluate),
      stringImplementation: nil, sharing: .none, isDeterministic: isDeterministic)
  }

  private init(
    name: OperatorName, inputs: ClosedRange<Int>, outputs: ClosedRange<Int>,
    infer: @escaping @Sendable (inout TypeInference) throws -> Void, implementation: Implementation,
    stringImplementation: (@Sendable (Evaluation) throws -> [RuntimeValue?])?, sharing: Sharing,
    isDeterministic: Bool
  ) {
    self.name = name
    self.inputs = inputs
    self.outputs = outputs
    self.infer = infer
    self.implementation = implementation
    self.stringImplementation = stringImplementation
    self.sharing = sharing
    self.isDeterministic = isDeterministic
  }
}

/// A value at run time.
public indirect enum RuntimeValue: Sendable {
  case tensor(Tensor)
  case sequence([RuntimeValue])
  case optional(RuntimeValue?)

  public var tensor: Tensor? { if case .tensor(let tensor) = self { tensor } else { nil } }
}

/// What an operator that computes at once gets.
struct Evaluation {
  let node: Node
  /// nil where an optional input is left out.
  let inputs: [RuntimeValue?]
  /// Runs a subgraph of the node with the given values for its inputs, and returns its outputs.
  let run: (_ subgraph: Subgraph, _ inputs: [RuntimeValue]) throws -> [RuntimeValue]

  /// The tensor at `index`.
  func tensor(_ index: Int) throws -> Tensor {
    guard inputs.indices.contains(index), let tensor = inputs[index]?.tensor else {
      throw GraphError(.invalidInput, "input \(index) must be a tensor")
    }
    return tensor
  }

  /// The tensor at `index`; nil where it is left out.
  func optionalTensor(_ index: Int) -> Tensor? {
    inputs.indices.contains(index) ? inputs[index]?.tensor : nil
  }
}
