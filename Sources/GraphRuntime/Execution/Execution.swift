import CKernels
import Glibc
import ONNXParse

/// One run's memory for a plan, to be used any number of times.
///
/// `run` allocates nothing, retains nothing and takes no lock but the pool's. Fill the inputs with `withInput`, call
/// `run`, read the outputs with `withOutput`. One thread at a time may use an execution; several executions of one
/// plan may run at once.
public final class Execution: @unchecked Sendable {
  public let plan: Plan
  private let frozen: FrozenPlan
  let arena: UnsafeMutableRawPointer
  private let slots: UnsafeMutableBufferPointer<UnsafeMutableRawPointer?>
  /// Slots that each binding sets: (slot, input), and (slot, output, offset).
  private let inputSlots: [(slot: Int, input: Int)]
  private let outputSlots: [(slot: Int, output: Int, offset: Int)]
  /// Memory of the execution's own for inputs and outputs, made when first asked for.
  private var ownInputs: [ByteRegion] = []
  private var ownOutputs: [ByteRegion] = []

  /// Memory for a run of `plan`.
  /// - Throws: `GraphError` for a dynamic plan, which only `Session.run` can run.
  public convenience init(_ plan: Plan) throws {
    guard case .frozen(let frozen) = plan.body else {
      throw GraphError(.invalidInput, "the graph's shapes depend on its data: it has no fixed plan")
    }
    self.init(plan, frozen)
    ownInputs = frozen.inputTypes.map { ByteRegion(zeroed: $0?.byteCount ?? 0) }
    ownOutputs = frozen.outputTypes.map { ByteRegion(zeroed: $0.byteCount ?? 0) }
    bindOwnBuffers()
  }

  /// An execution whose inputs and outputs are bound before each run.
  init(_ plan: Plan, _ frozen: FrozenPlan) {
    self.plan = plan
    self.frozen = frozen
    let arena = Self.allocateArena(frozen.arenaBytes + MemoryPlanner.alignment)
    self.arena = arena
    slots = .allocate(capacity: frozen.slots.count)
    slots.initialize(repeating: nil)
    var inputSlots: [(slot: Int, input: Int)] = []
    var outputSlots: [(slot: Int, output: Int, offset: Int)] = []
    for (slot, source) in frozen.slots.enumerated() {
      switch source {
      case .unused: break
      case .arena(let offset): slots[slot] = arena + offset
      case .constant(let pointer): slots[slot] = UnsafeMutableRawPointer(mutating: pointer)
      case .input(let index): inputSlots.append((slot, index))
      case .output(let index, let offset): outputSlots.append((slot, index, offset))
      }
    }
    self.inputSlots = inputSlots
    self.outputSlots = outputSlots
  }

  /// Memory for intermediates: a large arena in huge pages as far as it fills them, so that a first run meets a page fault
  /// every 2 MB instead of every 4 KB, and later ones find its addresses in the processor's table.
  private static func allocateArena(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let huge = byteCount / hugePage * hugePage
    let arena = UnsafeMutableRawPointer.allocate(
      byteCount: byteCount, alignment: huge > 0 ? hugePage : MemoryPlanner.alignment)
    if huge > 0 { madvise(arena, huge, MADV_HUGEPAGE) }
    return arena
  }

  private static let hugePage = 2 << 20

  /// Bytes of memory it holds for intermediates.
  var arenaBytes: Int { frozen.arenaBytes }

  deinit {
    arena.deallocate()
    slots.deallocate()
  }

  /// Runs all steps.
  /// - Throws: `GraphError` where the data are such as a step can't compute with (an index out of range).
  public func run() throws {
    let (slots, pool) = (UnsafePointer(slots.baseAddress), frozen.pool.pointer)
    for step in frozen.steps { step.function(step.arguments, slots, pool) }
    try StepFailure.check()
  }

  /// Bytes of constants that `runReleasingWeights` gives back at once: the other threads wait meanwhile.
  private static let releasedAtOnce = 32 << 20
  /// Bytes between two released constants that go with them: small constants, which cost a page fault where they are read
  /// later.
  private static let widestGap = 1 << 16

  /// Runs all steps and gives the memory of mapped constants back, some layers' at once, when no later step reads them.
  func runReleasingWeights() throws {
    let base = UnsafePointer(slots.baseAddress)
    let reads = frozen.lastReads
    var (released, read, byteCount) = (0, 0, 0)
    func release() {
      // What lies side by side goes by one call: each interrupts the other threads.
      while released < read {
        var stretch = reads[released].bytes
        released += 1
        while released < read,
          let longer = stretch.joined(with: reads[released].bytes, across: Self.widestGap)
        {
          stretch = longer
          released += 1
        }
        stretch.releasePages()
      }
      byteCount = 0
    }
    for (index, step) in frozen.steps.enumerated() {
      step.function(step.arguments, base, frozen.pool.pointer)
      while read < reads.count, reads[read].step <= index {
        byteCount += reads[read].bytes.count
        read += 1
      }
      if byteCount >= Self.releasedAtOnce { release() }
    }
    release()
    try StepFailure.check()
  }

  /// Runs all steps and calls `record` with each step's index and its start and end on `clock`.
  func run(clock: () -> UInt64, record: (_ step: Int, _ start: UInt64, _ end: UInt64) -> Void) throws {
    let base = UnsafePointer(slots.baseAddress)
    for (index, step) in frozen.steps.enumerated() {
      let start = clock()
      step.function(step.arguments, base, frozen.pool.pointer)
      record(index, start, clock())
    }
    try StepFailure.check()
  }

  /// Calls `body` with the memory of the input at `index` (in the order of `plan.inputs`), to be filled.
  public func withInput<Result>(_ index: Int, _ body: (UnsafeMutableRawBufferPointer) throws -> Result)
    rethrows
    -> Result
  {
    let region = ownInputs[index]
    return try body(
      UnsafeMutableRawBufferPointer(
        start: UnsafeMutableRawPointer(mutating: region.start), count: region.count))
  }

  /// Calls `body` with the memory of the output at `index` (in the order of `plan.outputs`).
  public func withOutput<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows
    -> Result
  {
    try ownOutputs[index].withUnsafeBytes(body)
  }

  private func bindOwnBuffers() {
    bind(
      inputs: ownInputs.map(\.start), outputs: ownOutputs.map { UnsafeMutableRawPointer(mutating: $0.start) })
  }

  /// Points the slots of inputs and outputs at memory of the caller's, which must stay until the run is over.
  func bind(inputs: [UnsafeRawPointer?], outputs: [UnsafeMutableRawPointer]) {
    for (slot, input) in inputSlots {
      slots[slot] = inputs[input].map(UnsafeMutableRawPointer.init(mutating:))
    }
    for (slot, output, offset) in outputSlots { slots[slot] = outputs[output] + offset }
  }
}

extension ByteRegion {
  /// Zeroed memory, 64-byte aligned.
  fileprivate init(zeroed count: Int) {
    self.init(count: count) { $0.initializeMemory(as: UInt8.self, repeating: 0) }
  }
}
