import CKernels
import ONNXParse
import Synchronization

/// A graph ready to run: checked, optimised, and planned for each set of input shapes that comes.
///
/// A session is immutable: several threads may run it at once, each run with memory of its own.
public struct Session: Sendable {
  /// What may be chosen when a session is made.
  public struct Options: Sendable {
    /// Threads that kernels use; nil for as many as the process may use (affinity and CPU quota).
    public var threads: Int?
    /// How far a graph is optimised that is not yet.
    public var optimization = OptimizationLevel.all
    /// What convolutions and matrix products may compute in.
    public var precision = Precision.float32
    /// Whether runs record how long each step takes, for `Session.profile`.
    public var profile = false
    /// Whether a run lets mapped weights go as soon as no later step reads them: a program that runs once needs the
    /// memory of a few layers at a time. A further run reads them from the file again.
    public var releasesWeights = false
    /// The most bytes one run may take for intermediates and outputs; nil for the machine's memory.
    public var maxMemory: Int?

    public init() {}
  }

  /// The arithmetic of a run. Tensors between operators are float32, but with bfloat16 on AMX's tiles, where convolutions
  /// and pooling hand bfloat16 to each other.
  public enum Precision: Sendable, Hashable {
    case float32
    /// Products of values rounded to bfloat16, summed in float32, where that is faster.
    case bfloat16
  }

  /// An input or output of the graph.
  public struct Port: Sendable {
    public let name: String
    /// The declared type; nil where the model does not say.
    public let type: ValueType?
  }

  /// The graph as it runs, after optimisation.
  public let graph: Graph
  public let options: Options
  public let inputs: [Port]
  public let outputs: [Port]
  /// What the passes did, now or when the graph's file was made.
  public var passReports: [PassReport] { graph.passReports }

  /// Threads that kernels use.
  public var threads: Int { planner.pool.threads }

  let planner: Planner
  let derivedConstants: DerivedConstantStore
  let recorder = ProfileRecorder()
  let plans = PlanCache()

  /// Checks and optimises `graph`.
  /// - Throws: `GraphError` that lists all nodes that can't run, with operator, opset, types and shapes.
  public init(_ graph: Graph, options: Options = Options()) throws {
    try self.init(graph, options: options, registry: .standard)
  }

  init(_ graph: Graph, options: Options = Options(), registry: OperatorRegistry) throws {
    let level = csn_cpu_current()
    guard options.precision == .float32 || csn_cpu_level_has_bf16(level) else {
      throw GraphError(.unsupportedType, "bf16 needs a CPU with AVX512-BF16, which this one does not have")
    }
    var graph = graph
    let isFixed = graph.inputs.allSatisfy { graph[$0].type?.tensor?.concreteShape != nil }
    // What can't run is found before passes look at it, or by the plan where that is made at once and no pass runs.
    if !isFixed || graph.passReports.isEmpty {
      let known = try graph.inferTypes(registry: registry)
      if graph.passReports.isEmpty, options.optimization != .none {
        graph.passReports = try Optimizer(level: options.optimization).run(&graph, known: known)
      }
    }
    self.graph = graph
    self.options = options
    inputs = graph.inputs.map { Port(name: graph[$0].name, type: graph[$0].type) }
    outputs = graph.outputs.map { Port(name: graph[$0].name, type: graph[$0].type) }
    derivedConstants = DerivedConstantStore(graph)
    planner = Planner(
      registry: registry, pool: .shared(threads: options.threads ?? Int(csn_cpu_count())),
      memoryLimit: options.maxMemory ?? SystemMemory.available, derivedConstants: derivedConstants,
      precision: options.precision, level: level)
    // A graph of fixed shapes is planned at once, so that what can't be prepared is known now.
    if isFixed {
      _ = try plan(for: Request(self, outputs: nil, given: nil))
    }
  }

  /// How long the steps of the runs so far took, where `options.profile` asked for it.
  public var profile: Profile { recorder.profile }

  /// The graph with what kernels made of its weights for the plans so far, to be written to a `.graph`, so that
  /// whoever opens that need not make it again.
  public var compiledGraph: Graph {
    var graph = graph
    graph.derivedConstants = derivedConstants.all
    return graph
  }

  /// The plan for inputs of the given shapes; inputs of fixed shape may be left out.
  /// - Throws: `GraphError` where shapes are missing or don't fit, or the plan can't be made.
  public func plan(for shapes: [String: [Int]] = [:], outputs: [String]? = nil) throws -> Plan {
    try plan(
      for: Request(self, outputs: outputs, given: shapes.mapValues { .shape($0) }, allowsDefaults: true)
    ).plan
  }

  func plan(for request: Request) throws -> CachedPlan {
    let key = PlanCache.Key(inputs: request.inputs.map { $0.map(\.shape) }, outputs: request.outputs)
    return try plans.plan(for: key) {
      let types = zip(graph.inputs, request.inputs).compactMap { id, type in type.map { (id, $0.type) } }
      return try planner.plan(
        graph, inputTypes: Dictionary(types) { first, _ in first }, outputs: request.outputs)
    }
  }
}
