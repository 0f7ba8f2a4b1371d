import CKernels
import ONNXParse

/// A graph made ready for concrete input shapes and chosen outputs: a flat array of steps over planned memory, and,
/// where shapes depend on data, what the interpreter does after it.
public final class Plan: Sendable {
  /// One input or output.
  public struct Port: Sendable {
    public let name: String
    /// The type, every extent known; for outputs of a dynamic plan as far as it is known.
    public let type: ValueType?
  }

  public let inputs: [Port]
  public let outputs: [Port]
  public let memory: MemoryReport
  /// What the planned steps do, in order; of a dynamic plan those before the interpreter's.
  public let steps: [StepDescription]
  /// Whether parts depend on data, so that the interpreter runs them.
  public var isDynamic: Bool { if case .interpreted = body { true } else { false } }

  let body: Body

  enum Body: Sendable {
    case frozen(FrozenPlan)
    /// A graph for the interpreter, which takes the results of the planned segment before it as given.
    case interpreted(Graph, after: Segment?)
  }

  /// What is planned of a graph that the interpreter finishes.
  struct Segment: Sendable {
    let plan: Plan
    /// The values that the plan's outputs are.
    let outputs: [Value.ID]
  }

  init(graph: Graph, memory: MemoryReport, steps: [StepDescription], body: Body) {
    inputs = graph.inputs.map { Port(name: graph[$0].name, type: graph[$0].type) }
    outputs = graph.outputs.map { Port(name: graph[$0].name, type: graph[$0].type) }
    self.memory = memory
    self.steps = steps
    self.body = body
  }
}

/// The memory a plan needs for each run.
public struct MemoryReport: Sendable, Hashable {
  /// Bytes of the arena that holds all intermediate tensors and the kernels' working memory.
  public var arenaBytes = 0
  /// The most bytes of them that are live at one time: what no plan can do without.
  public var lowerBound = 0
  /// Bytes of the intermediate tensors if each had memory of its own.
  public var totalBytes = 0
  /// How many buffers share the arena.
  public var buffers = 0
  /// Bytes of the outputs.
  public var outputBytes = 0
  /// Bytes of constants that kernels made for themselves (packed weights).
  public var packedBytes = 0
}

/// What one step of a plan does.
public struct StepDescription: Sendable {
  /// The node's name and operator.
  public let node: String
  public let op: OperatorName
  /// The types of inputs and outputs: `float[1, 64, 56, 56] x float[64, 64, 1, 1] -> float[1, 64, 56, 56]`.
  public var signature: String {
    inputs.map(\.description).joined(separator: " x ") + " -> "
      + outputs.map(\.description).joined(separator: ", ")
  }
  let inputs: [ValueType]
  let outputs: [ValueType]
  /// The algorithm, where the kernel chose among several.
  public let choice: String?
  /// Multiply-adds that the operator's definition asks for; nil where it does not count them.
  public let multiplyAdds: Int?
  /// Bytes of all operands: what a cold run moves at least.
  public let byteCount: Int
  /// Whether it goes on with the node of the step before.
  public var isContinued = false
}

/// The steps as the executor runs them, and all that they refer to.
final class FrozenPlan: @unchecked Sendable {
  /// Where a slot's memory comes from.
  enum SlotSource {
    case unused
    case arena(offset: Int)
    case constant(UnsafeRawPointer)
    case input(Int)
    /// In a graph output's memory.
    case output(Int, offset: Int)
  }

  let steps: UnsafeBufferPointer<csn_step>
  /// The slot table of a run, but for what each run brings along.
  let slots: [SlotSource]
  let arenaBytes: Int
  let inputTypes: [TensorType?]
  let outputTypes: [TensorType]
  let pool: ThreadPool
  /// The constants that steps read, in the order of the last steps that do.
  let lastReads: [(step: Int, bytes: ByteRegion)]
  private let arguments: [StepArguments]

  init(
    steps: [Step], slots: [SlotSource], lastReads: [(step: Int, bytes: ByteRegion)], arenaBytes: Int,
    inputTypes: [TensorType?], outputTypes: [TensorType], pool: ThreadPool
  ) {
    let frozen = UnsafeMutableBufferPointer<csn_step>.allocate(capacity: steps.count)
    _ = frozen.initialize(from: steps.map(\.frozen))
    self.steps = UnsafeBufferPointer(frozen)
    arguments = steps.map(\.arguments)
    self.slots = slots
    self.lastReads = lastReads
    self.arenaBytes = arenaBytes
    self.inputTypes = inputTypes
    self.outputTypes = outputTypes
    self.pool = pool
  }

  deinit { steps.deallocate() }
}
