import Foundation
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
    let info = try ModelInfo(LoadedModel(model, options: settings.session), shapes: shapes)
    if isJSON { try JSONOutput.write(info) } else { print(info.text) }
  }
}

/// What `--info` tells.
struct ModelInfo: Encodable {
  struct Port: Encodable {
    let name: String
    let type: String
    let shape: [Extent]?
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

  let model: String
  let inputs: [Port]
  let outputs: [Port]
  /// How many nodes of each operator the file holds.
  let operators: [String: Int]
  /// Numbers in the floating-point constants.
  let parameters: Int
  /// Multiply-adds of one run at `plannedShapes`.
  let macs: Int
  let passes: [PassReport]
  let plannedShapes: [String: [Int]]
  let isDynamic: Bool
  let memory: Memory
  let steps: [Step]
  let metadata: [String: String]

  enum CodingKeys: String, CodingKey {
    case model, inputs, outputs, operators, parameters, macs, passes, memory, steps, metadata
    case plannedShapes = "planned_shapes"
    case isDynamic = "dynamic"
  }

  init(_ model: LoadedModel, shapes: [String: [Int]]) throws {
    self.model = model.path
    inputs = model.inputs.map(Port.init)
    outputs = model.session.outputs.map(Port.init)
    operators = model.graph.nodes.reduce(into: [:]) { $0[$1.op.description, default: 0] += 1 }
    parameters = model.graph.initializers.values.reduce(0) {
      $0 + ($1.elementType.isFloatingPoint ? $1.count : 0)
    }
    passes = model.session.passReports
    let planned = try PlannedShapes(model.session, name: model.path, given: shapes, batch: nil)
    plannedShapes = planned.shapes
    let plan = try model.session.plan(for: planned.shapes)
    isDynamic = plan.isDynamic
    macs = plan.steps.reduce(0) { $0 + ($1.multiplyAdds ?? 0) }
    let report = plan.memory
    memory = Memory(
      arenaBytes: report.arenaBytes, lowerBoundBytes: report.lowerBound, unsharedBytes: report.totalBytes,
      outputBytes: report.outputBytes, packedBytes: report.packedBytes, buffers: report.buffers)
    steps = plan.steps.map {
      Step(
        node: $0.node, op: $0.op.description, signature: $0.signature, kernel: $0.choice,
        macs: $0.multiplyAdds)
    }
    metadata = model.graph.metadata
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
      lines.append("  \(name.padding(toLength: 28, withPad: " ", startingAt: 0)) \(count)")
    }
    lines.append("parameters \(parameters)")
    lines.append("passes")
    lines += passes.filter { $0.changes > 0 }.map { "  \($0.name): \($0.changes)" }
    let shapes = plannedShapes.sorted { $0.key < $1.key }
      .map { "\($0.key)=\($0.value.map(String.init).joined(separator: "x"))" }
    lines.append("plan for \(shapes.joined(separator: " "))")
    if isDynamic {
      lines.append("  shapes depend on data: the interpreter runs the graph")
    } else {
      lines.append("  multiply-adds \(macs)")
      lines.append(
        "  arena \(ByteSize.text(memory.arenaBytes)) (lower bound \(ByteSize.text(memory.lowerBoundBytes)), "
          + "unshared \(ByteSize.text(memory.unsharedBytes))), packed weights \(ByteSize.text(memory.packedBytes))"
      )
      lines.append("  steps")
      lines += steps.map { step in
        "    \(step.op) \(step.node): \(step.signature)"
          + (step.kernel.map { ", \($0)" } ?? "") + (step.macs.map { ", \($0) multiply-adds" } ?? "")
      }
    }
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
