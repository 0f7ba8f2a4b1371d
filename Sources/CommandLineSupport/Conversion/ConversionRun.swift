import CSNGraphs
import GraphRuntime
import ONNXParse

/// `csn-convert INPUT...`: reads models, rewrites them, and writes the result as `.graph` or `.onnx`.
public struct ConversionRun {
  /// What becomes of the inputs.
  public enum Task: Sendable, Equatable {
    case convert
    case csn(CSNVersion)
    case fusion
  }

  public var inputs: [String]
  /// nil for a name made from the input's.
  public var output: String?
  public var task: Task
  public var widths: [Int]?
  public var classes: String?
  public var integration: Integration
  public var rule: FusionRule
  /// A file of trained weights.
  public var head: String?
  /// None, one for all, or one for each input.
  public var preprocessing: [Preprocessing]
  public var shapes: [String: [Int]]
  /// nil for all in a `.graph` and none in an `.onnx`.
  public var optimization: OptimizationLevel?
  public var isJSON: Bool

  public init(
    inputs: [String], output: String? = nil, task: Task = .convert, widths: [Int]? = nil,
    classes: String? = nil,
    integration: Integration = .squaredDifference, rule: FusionRule = .auto, head: String? = nil,
    preprocessing: [Preprocessing] = [], shapes: [String: [Int]] = [:],
    optimization: OptimizationLevel? = nil,
    isJSON: Bool = false
  ) {
    self.inputs = inputs
    self.output = output
    self.task = task
    self.widths = widths
    self.classes = classes
    self.integration = integration
    self.rule = rule
    self.head = head
    self.preprocessing = preprocessing
    self.shapes = shapes
    self.optimization = optimization
    self.isJSON = isJSON
  }

  public func run() throws {
    let output = try ConversionOutput(self.output ?? defaultOutput())
    try OutputFile.check(
      [OutputFile("-o", output.path)], notReplacing: inputs + [classes, self.head].compactMap(\.self))
    let classList = try classes.map { try ClassList($0) }
    let head = try self.head.map { try HeadFile.read($0) } ?? [:]
    let (built, passes) = try Progress.show("converting") { _ in
      var backbones = try inputs.map { try Graph(contentsOf: $0) }
      // A name may be that of an input of each backbone, and of what is built from them.
      var fixed: Set<String> = []
      for index in backbones.indices { fixed.formUnion(try backbones[index].fixShapes(shapes)) }
      var built = try build(from: backbones, classList, head)
      fixed.formUnion(try built.graph.fixShapes(shapes))
      if let name = shapes.keys.filter({ !fixed.contains($0) }).min() {
        throw CommandLineError("--input-shape: there is no input '\(name)'")
      }
      let passes = try optimize(&built.graph, for: output.format)
      // What is opened to be run has its weights as the kernels want them.
      let isReady = output.format == .graph && optimization != OptimizationLevel.none
      let batch = GraphKind.nominalBatch(GraphKind(built.graph))
      try output.write(isReady ? built.graph.compiled(batch: batch) : built.graph)
      return (built, passes)
    }
    try report(built, passes, output)
  }

  /// The name of the result where none is given.
  func defaultOutput() throws -> String {
    let input = inputs.first ?? ""
    let stem = input.deletingPathExtension
    switch task {
    case .fusion: return "fusion.graph"
    case .csn(let version): return "\(stem).csn-\(version.rawValue).graph"
    case .convert: return stem + (try ConversionOutput.isGraphFile(input) ? ".onnx" : ".graph")
    }
  }

  // MARK: - Building

  private struct Built {
    var graph: Graph
    var report = BuildReport()
  }

  private func build(from graphs: [Graph], _ classes: ClassList?, _ head: [String: Tensor]) throws -> Built {
    switch task {
    case .convert:
      guard let graph = graphs.first else { throw CommandLineError("there is nothing to convert") }
      return Built(graph: graph)
    case .csn(let version):
      guard let graph = graphs.first else { throw CommandLineError("--csn needs a classifier") }
      let result = try CSNBuilder.build(
        from: graph,
        options: CSNOptions(
          version: version, widths: widths, labels: classes?.names, classCount: classes?.count,
          integration: integration, preprocessing: preprocessing.first, head: head))
      return Built(graph: result.graph, report: result.report)
    case .fusion:
      let options = FusionOptions(
        rule: rule, widths: widths, labels: classes?.names, classCount: classes?.count,
        integration: integration,
        preprocessing: preprocessing, head: head)
      let result =
        try graphs.isEmpty
        ? FusionGraphBuilder.buildAnalytic(options: options)
        : FusionGraphBuilder.build(from: graphs, options: options)
      return Built(graph: result.graph, report: result.report)
    }
  }

  private func optimize(_ graph: inout Graph, for format: ConversionOutput.Format) throws -> [PassReport] {
    let level = optimization ?? (format == .graph ? .all : .none)
    try graph.inferTypes()
    // Going through the same passes again changes a graph only where an input's shape was fixed since.
    let optimizer = Optimizer(level: level)
    guard !shapes.isEmpty || !optimizer.isDone(on: graph) else { return graph.passReports }
    let earlier = graph.passReports
    graph.passReports = earlier.adding(try optimizer.run(&graph))
    return graph.passReports
  }

  // MARK: - Telling

  private struct Summary: Encodable {
    struct Entry: Encodable {
      let origin: String
      let subject: String
      let detail: String
    }

    let output: String
    let bytes: Int
    let report: [Entry]
    let passes: [PassReport]
    let inputs: [ModelInfo.Port]
    let outputs: [ModelInfo.Port]
  }

  private func report(_ built: Built, _ passes: [PassReport], _ output: ConversionOutput) throws {
    for line in built.report.lines { Terminal.note(line) }
    for pass in passes where pass.changes > 0 { Terminal.note("pass \(pass.name): \(pass.changes)") }
    Terminal.note("wrote \(output.path) (\(ByteSize.text(output.byteCount)))")
    guard isJSON else { return }
    let graph = built.graph
    func port(_ id: Value.ID) -> ModelInfo.Port { ModelInfo.Port(name: graph[id].name, type: graph[id].type) }
    let constants = graph.initializers
    try JSONOutput.write(
      Summary(
        output: output.path, bytes: output.byteCount,
        report: built.report.entries.map {
          Summary.Entry(origin: $0.origin.rawValue, subject: $0.subject, detail: $0.detail)
        }, passes: passes, inputs: graph.inputs.filter { constants[$0] == nil }.map(port),
        outputs: graph.outputs.map(port)))
  }
}

extension [PassReport] {
  /// The reports of two rounds of passes as one.
  fileprivate func adding(_ later: [PassReport]) -> [PassReport] {
    var sum = self
    for report in later {
      if let index = sum.firstIndex(where: { $0.name == report.name }) {
        sum[index].changes += report.changes
      } else {
        sum.append(report)
      }
    }
    return sum
  }
}

extension Graph {
  /// Fixes the extents of inputs as `shapes` says.
  /// - Returns: the names of the inputs that were fixed.
  /// - Throws: `CommandLineError` where a shape contradicts what the model declares.
  mutating func fixShapes(_ shapes: [String: [Int]]) throws -> Set<String> {
    var fixed: Set<String> = []
    for id in inputs where initializers[id] == nil {
      let name = self[id].name
      guard let shape = shapes[name] else { continue }
      guard case .tensor(let type)? = self[id].type else {
        throw CommandLineError("--input-shape: '\(name)' is not a tensor of a known type")
      }
      if let declared = type.shape,
        declared.count != shape.count || zip(declared, shape).contains(where: { $0.value ?? $1 != $1 })
      {
        throw CommandLineError(
          "--input-shape: '\(name)' is declared as \(type), which \(shape.map(String.init).joined(separator: "x")) does not fit"
        )
      }
      self[id].type = .tensor(TensorType(type.elementType, Shape(shape)))
      fixed.insert(name)
    }
    return fixed
  }
}
