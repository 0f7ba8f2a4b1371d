import GraphRuntime

/// `csn-run MODEL --info`: what a model is made of, and how it will run.
public struct InfoRun {
  public var model: String
  public var shapes: [String: [Int]]
  public var settings: RunSettings
  public var isJSON: Bool

  public init(model: String, shapes: [String: [Int]], settings: RunSettings, isJSON: Bool) {
    self.model = model
    self.shapes = shapes
    self.settings = settings
    self.isJSON = isJSON
  }

  public func run() throws {
    let info = try ModelInfo(LoadedModel(model, settings), shapes: shapes)
    if isJSON { try JSONOutput.write(info) } else { try StandardOutput.write(info.text) }
  }
}

/// What `--info` tells.
struct ModelInfo: Encodable {
  struct Port: Encodable {
    let name: String
    let type: String
    /// nil for what is no tensor, or a tensor of unknown rank.
    let shape: [Extent]?

    private enum CodingKeys: String, CodingKey { case name, type, shape }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(name, forKey: .name)
      try container.encode(type, forKey: .type)
      try container.encode(shape, forKey: .shape)
    }
  }

  /// A number, or the symbol that stands for one.
  enum Extent: Encodable, CustomStringConvertible {
    case number(Int)
    case symbol(String)

    init(_ dimension: GraphRuntime.Dimension) {
      self = dimension.value.map(Extent.number) ?? .symbol(dimension.description)
    }

    var description: String {
      switch self {
      case .number(let value): "\(value)"
      case .symbol(let name): name
      }
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .number(let value): try container.encode(value)
      case .symbol(let name): try container.encode(name)
      }
    }
  }

  struct Memory: Encodable {
    let arenaBytes: Int
    let lowerBoundBytes: Int
    let unsharedBytes: Int
    let outputBytes: Int
    let packedBytes: Int
    let buffers: Int

    enum CodingKeys: String, CodingKey {
      case arenaBytes = "arena_bytes"
      case lowerBoundBytes = "lower_bound_bytes"
      case unsharedBytes = "unshared_bytes"
      case outputBytes = "output_bytes"
      case packedBytes = "packed_bytes"
      case buffers
    }
  }

  struct Step: Encodable {
    let node: String
    let op: String
    let signature: String
    /// The algorithm, where the kernel chose among several.
    let kernel: String?
    let macs: Int?
  }

  /// What a run at certain shapes takes.
  struct Planning {
    let shapes: [String: [Int]]
    let isDynamic: Bool
    /// Multiply-adds of one run.
    let macs: Int
    let memory: Memory
    let steps: [Step]
  }

  let model: String
  let inputs: [Port]
  let outputs: [Port]
  /// How many nodes of each operator the file holds, those inside of other nodes included.
  let operators: [String: Int]
  /// Numbers in the floating-point constants, those inside of nodes included.
  let parameters: Int
  let passes: [PassReport]
  let metadata: [String: String]
  let planning: Planning?
  /// Why there is no plan.
  let obstacle: String?

  init(_ model: LoadedModel, shapes: [String: [Int]]) throws {
    self.model = model.path
    inputs = model.inputs.map(Port.init)
    outputs = model.session.outputs.map(Port.init)
    operators = model.graph.operatorCounts
    parameters = model.graph.floatingPointCount
    passes = model.session.passReports
    metadata = model.graph.metadata
    do {
      let planned = try PlannedShapes(model.session, name: model.path, given: shapes, batch: nil)
      let plan = try Progress.show("planning") { _ in try model.session.plan(for: planned.shapes) }
      planning = Planning(plan, for: planned.shapes)
      obstacle = nil
    } catch {
      // What was assumed is nobody's fault; all else about the model is known.
      guard shapes.isEmpty else { throw error }
      planning = nil
      obstacle = CommandLineProgram.message(for: error)
    }
  }
}

extension ModelInfo.Planning {
  init(_ plan: Plan, for shapes: [String: [Int]]) {
    self.shapes = shapes
    isDynamic = plan.isDynamic
    macs = plan.multiplyAdds
    let report = plan.memory
    memory = ModelInfo.Memory(
      arenaBytes: report.arenaBytes, lowerBoundBytes: report.lowerBound, unsharedBytes: report.totalBytes,
      outputBytes: report.outputBytes, packedBytes: report.packedBytes, buffers: report.buffers)
    steps = plan.steps.map {
      ModelInfo.Step(
        node: $0.node, op: $0.op.description, signature: $0.signature, kernel: $0.choice,
        macs: $0.multiplyAdds)
    }
  }
}

extension ModelInfo {
  private enum CodingKeys: String, CodingKey {
    case model, inputs, outputs, operators, parameters, macs, passes, memory, steps, metadata
    case plannedShapes = "planned_shapes"
    case isDynamic = "dynamic"
    case obstacle = "not_planned"
  }

  /// Every key is always there; what is not known is null.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(model, forKey: .model)
    try container.encode(inputs, forKey: .inputs)
    try container.encode(outputs, forKey: .outputs)
    try container.encode(operators, forKey: .operators)
    try container.encode(parameters, forKey: .parameters)
    try container.encode(passes, forKey: .passes)
    try container.encode(metadata, forKey: .metadata)
    try container.encode(planning?.macs, forKey: .macs)
    try container.encode(planning?.memory, forKey: .memory)
    try container.encode(planning?.steps, forKey: .steps)
    try container.encode(planning?.shapes, forKey: .plannedShapes)
    try container.encode(planning?.isDynamic, forKey: .isDynamic)
    try container.encode(obstacle, forKey: .obstacle)
  }
}

extension Graph {
  fileprivate var floatingPointCount: Int {
    let own = initializers.values.reduce(0) { $0 + ($1.elementType.isFloatingPoint ? $1.count : 0) }
    let bodies = nodes.flatMap { $0.attributes.values.flatMap(\.subgraphs) }
    return bodies.reduce(own) { $0 + $1.graph.floatingPointCount }
  }
}

extension ModelInfo.Port {
  init(_ port: Session.Port) { self.init(name: port.name, type: port.type) }

  init(name: String, type: ValueType?) {
    self.name = name
    self.type = type.map { $0.tensor?.elementType.description ?? $0.description } ?? "unknown"
    shape = type?.tensor?.shape?.map(ModelInfo.Extent.init)
  }

  var line: String {
    "  \(name): \(type)[\(shape.map { $0.map(\.description).joined(separator: ", ") } ?? "...")]"
  }
}

extension ElementType {
  fileprivate var isFloatingPoint: Bool {
    switch self {
    case .float32, .float64, .float16, .bfloat16, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2,
      .float8e5m2fnuz,
      .float4e2m1:
      true
    default: false
    }
  }
}

extension ModelInfo {
  /// The same for people.
  var text: String {
    var lines = [model, "inputs"] + inputs.map(\.line) + ["outputs"] + outputs.map(\.line)
    lines.append("operators")
    for (name, count) in operators.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
      lines.append("  \(name.padded(to: 28)) \(count)")
    }
    lines.append("parameters \(parameters)")
    lines.append("passes")
    lines += passes.filter { $0.changes > 0 }.map { "  \($0.name): \($0.changes)" }
    lines += planning?.lines ?? ["no plan: \(obstacle ?? "")"]
    if !metadata.isEmpty {
      lines.append("metadata")
      for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
        let first = value.split(separator: "\n", maxSplits: 1).first.map(String.init) ?? ""
        lines.append("  \(key): \(first == value ? value : first + " ...")")
      }
    }
    return lines.joined(separator: "\n")
  }
}

extension ModelInfo.Planning {
  fileprivate var lines: [String] {
    let inputs = shapes.sorted { $0.key < $1.key }
      .map { "\($0.key)=\($0.value.map(String.init).joined(separator: "x"))" }
    let title = "plan for \(inputs.joined(separator: " "))"
    let interpreted = "  shapes depend on data: the interpreter runs "
    guard !isDynamic || !steps.isEmpty else { return [title, interpreted + "the graph"] }
    let rows = steps.map { step in
      "    \(step.op) \(step.node): \(step.signature)"
        + (step.kernel.map { ", \($0)" } ?? "") + (step.macs.map { ", \($0) multiply-adds" } ?? "")
    }
    return [
      title, "  multiply-adds \(macs)",
      "  arena \(ByteSize.text(memory.arenaBytes)) (lower bound \(ByteSize.text(memory.lowerBoundBytes)), "
        + "unshared \(ByteSize.text(memory.unsharedBytes))), packed weights \(ByteSize.text(memory.packedBytes))",
      "  steps",
    ] + rows + (isDynamic ? [interpreted + "the rest"] : [])
  }
}
