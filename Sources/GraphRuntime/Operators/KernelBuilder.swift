import CKernels
import ONNXParse

/// The setting in which an operator prepares its computation for concrete types.
///
/// Buffers are slots of a table that every run fills anew (arena, inputs, outputs); a step refers to them by slot and
/// may refer to nothing else that changes.
struct KernelBuilder {
  /// A tensor the kernel reads or writes.
  struct Operand {
    let slot: Int
    let type: TensorType
    let shape: [Int]
    /// The elements where they are known while the plan is made.
    let constant: Tensor?
    let count: Int
    /// Elements from one image to the next where the images of a blocked tensor don't lie one behind the other.
    var imageStride: Int?

    var elementType: ElementType { type.elementType }

    init(slot: Int, type: TensorType, shape: [Int], constant: Tensor?) {
      self.slot = slot
      self.type = type
      self.shape = shape
      self.constant = constant
      // What can't be counted has no memory, and is refused before.
      count = shape.elementCount ?? 0
    }
  }

  let node: Node
  let inputs: [Operand?]
  let outputs: [Operand?]
  /// How many threads the pool of a run has.
  let threads: Int

  private(set) var steps: [Step] = []
  /// Memory of the step alone, given by the plan: byte counts, by slot.
  private(set) var scratch: [(slot: Int, byteCount: Int)] = []
  /// Constants made while preparing (packed weights), by slot.
  private(set) var constants: [(slot: Int, bytes: ByteRegion)] = []
  /// Inputs that no step reads, because a constant made from them took their place.
  private(set) var replacedInputs: Set<Int> = []
  private(set) var nextSlot: Int
  /// What was chosen, for reports: the algorithm.
  private(set) var choice: String?
  /// Constants that were made from initializers before, shared by a session's plans.
  var derivedConstants: DerivedConstantStore?
  var precision = Session.Precision.float32
  var level = csn_cpu_current()

  init(node: Node, inputs: [Operand?], outputs: [Operand?], threads: Int, firstFreeSlot: Int) {
    self.node = node
    self.inputs = inputs
    self.outputs = outputs
    self.threads = threads
    nextSlot = firstFreeSlot
  }

  /// The input at `index`.
  /// - Throws: `GraphError` where it is left out.
  func input(_ index: Int) throws -> Operand {
    guard let operand = optionalInput(index) else {
      throw GraphError(.invalidGraph, "input \(index) is missing")
    }
    return operand
  }

  /// The input at `index`; nil where it is left out.
  func optionalInput(_ index: Int) -> Operand? { inputs.indices.contains(index) ? inputs[index] : nil }

  /// The input at `index`, which must hold one element.
  func single(_ index: Int) throws -> Operand {
    let operand = try input(index)
    guard operand.count == 1 else {
      throw GraphError(.shapeMismatch, "input \(index) must hold one element, not \(operand.type)")
    }
    return operand
  }

  /// The output at `index`, which must be asked for.
  func output(_ index: Int = 0) throws -> Operand {
    guard let operand = optionalOutput(index) else {
      throw GraphError(.invalidGraph, "output \(index) is missing")
    }
    return operand
  }

  /// The output at `index`; nil where it is not asked for.
  func optionalOutput(_ index: Int) -> Operand? { outputs.indices.contains(index) ? outputs[index] : nil }

  /// Memory for the steps of this kernel during a run, 64-byte aligned, its contents undefined.
  mutating func addScratch(byteCount: Int) -> Int {
    defer { nextSlot += 1 }
    scratch.append((nextSlot, byteCount))
    return nextSlot
  }

  /// A constant of the kernel's own making.
  mutating func addConstant(_ bytes: ByteRegion) -> Int {
    defer { nextSlot += 1 }
    constants.append((nextSlot, bytes))
    return nextSlot
  }

  /// A constant of the kernel's own making that steps read in the place of the input at `index`.
  mutating func addConstant(_ bytes: ByteRegion, replacingInput index: Int) -> Int {
    replacedInputs.insert(index)
    return addConstant(bytes)
  }

  /// A constant made from the constant input at `index`, which steps read in its place; looked up by `form` where it
  /// was made before.
  mutating func addDerivedConstant(
    from index: Int, form: String, byteCount: Int,
    make: (_ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer) -> Void
  ) throws -> Int {
    guard let source = try input(index).constant, let bytes = source.bytes, let id = node.input(index) else {
      throw GraphError(.invalidGraph, "input \(index) must be a constant")
    }
    func made() -> ByteRegion {
      // What the file holds is read once: it need not stay in memory beside what is made of it.
      defer { bytes.releasePages() }
      return ByteRegion(count: byteCount) { target in
        if let base = target.baseAddress {
          source.aligned.bytes?.withUnsafeBytes { make($0.baseAddress!, base) }
        }
      }
    }
    let key = DerivedConstant(source: id, form: form)
    return addConstant(
      derivedConstants?.constant(key, byteCount: byteCount, make: made) ?? made(), replacingInput: index)
  }

  /// Notes what was chosen, for reports.
  mutating func note(choice: String) { self.choice = choice }

  /// Adds a step that calls a C function with a copy of `arguments`, which lives as long as the plan.
  mutating func emit<Arguments: BitwiseCopyable>(
    _ function: @escaping csn_step_function, _ arguments: Arguments
  ) {
    steps.append(Step(function: function, arguments: StepArguments(arguments)))
  }

  /// Adds a step that calls a closure; it captures what it needs besides the buffers.
  mutating func emit(_ body: @escaping @Sendable (StepMemory) -> Void) {
    steps.append(Step(body))
  }

  /// Takes over what another builder, which started at this one's first free slot, has prepared.
  mutating func append(_ other: KernelBuilder) {
    steps += other.steps
    scratch += other.scratch
    constants += other.constants
    replacedInputs.formUnion(other.replacedInputs)
    nextSlot = other.nextSlot
  }

  /// An error for element types the kernel does not serve.
  func unsupportedType(_ type: ElementType) -> GraphError {
    GraphError(.unsupportedType, "element type \(type) is not supported by \(node.op)")
  }
}

/// The buffers of one run, as a closure step sees them.
struct StepMemory {
  let slots: UnsafePointer<UnsafeMutableRawPointer?>
  let pool: OpaquePointer?

  /// The elements of an operand.
  func buffer<Element>(_ operand: KernelBuilder.Operand, as type: Element.Type = Element.self)
    -> UnsafeMutableBufferPointer<Element>
  {
    UnsafeMutableBufferPointer(start: pointer(operand.slot, as: type), count: operand.count)
  }

  /// The memory of a slot.
  func pointer<Element>(_ slot: Int, as type: Element.Type = Element.self) -> UnsafeMutablePointer<Element> {
    slots[slot]!.assumingMemoryBound(to: type)
  }

  /// Reports that the data can't be computed with (an index out of range...). The run goes on, and ends in this error;
  /// the first report stands. Only for the thread that runs the step, not for the pool's others.
  func fail(_ node: String, _ message: String) { csn_step_fail("\(node): \(message)") }

  /// Runs `body` for chunks 0..<count on the pool's threads, in any order; allocates and retains nothing.
  func parallel(_ count: Int, _ body: (_ chunk: Int, _ worker: Int) -> Void) {
    runChunks(pool, count, body)
  }
}

/// CBridge's: takes the closure as Swift passes it. A C function pointer would need it on the heap.
@_silgen_name("csn_run_chunks")
private func runChunks(
  _ pool: OpaquePointer?, _ count: Int, _ body: (_ chunk: Int, _ worker: Int) -> Void)

/// What steps report of data they can't compute with.
enum StepFailure {
  /// Throws what a step on this thread has reported since the last call; whoever runs steps calls it after them.
  static func check() throws {
    guard let text = csn_step_take_failure() else { return }
    throw GraphError(.invalidInput, String(cString: text))
  }
}

/// One step of a plan.
struct Step: Sendable {
  let function: csn_step_function
  let arguments: StepArguments

  init(function: @escaping csn_step_function, arguments: StepArguments) {
    self.function = function
    self.arguments = arguments
  }

  init(_ body: @escaping @Sendable (StepMemory) -> Void) {
    self.init(
      function: { arguments, slots, pool in
        // The plan keeps the closure alive: no reference counting here.
        Unmanaged<ClosureStep>.fromOpaque(arguments!)._withUnsafeGuaranteedRef {
          $0.body(StepMemory(slots: slots!, pool: pool))
        }
      }, arguments: StepArguments(ClosureStep(body)))
  }

  /// The step as the executor's flat array holds it; valid as long as `arguments` is kept.
  var frozen: csn_step { csn_step(function: function, arguments: arguments.pointer) }
}

/// Arguments of a step at an address that lives as long as they are kept.
final class StepArguments: @unchecked Sendable {
  let pointer: UnsafeRawPointer
  private let free: () -> Void

  init<Arguments: BitwiseCopyable>(_ arguments: Arguments) {
    let memory = UnsafeMutablePointer<Arguments>.allocate(capacity: 1)
    memory.initialize(to: arguments)
    pointer = UnsafeRawPointer(memory)
    free = { memory.deallocate() }
  }

  init(_ step: ClosureStep) {
    let reference = Unmanaged.passRetained(step)
    pointer = UnsafeRawPointer(reference.toOpaque())
    free = { reference.release() }
  }

  deinit { free() }
}

/// A Swift closure as the arguments of a step.
final class ClosureStep: Sendable {
  let body: @Sendable (StepMemory) -> Void
  init(_ body: @escaping @Sendable (StepMemory) -> Void) { self.body = body }
}
