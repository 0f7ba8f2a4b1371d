import GraphRuntime
import ONNXParse

/// `csn-run MODEL --benchmark`: how long a run on random inputs takes.
public struct BenchmarkRun {
  public var model: String
  public var shapes: [String: [Int]]
  public var runs: Int
  public var warmup: Int
  public var batch: Int?
  public var settings: RunSettings
  public var isJSON: Bool

  public init(
    model: String, shapes: [String: [Int]], runs: Int, warmup: Int, batch: Int?, settings: RunSettings,
    isJSON: Bool
  ) {
    self.model = model
    self.shapes = shapes
    self.runs = runs
    self.warmup = warmup
    self.batch = batch
    self.settings = settings
    self.isJSON = isJSON
  }

  struct Figures: Encodable {
    let medianMs: Double
    let minMs: Double
    let p90Ms: Double
    let runs: Int
    let threads: Int
    let loadMs: Double
    let arenaBytes: Int
    let peakRSSBytes: Int
    let macs: Int
    let gflops: Double
    let shapes: [String: [Int]]

    enum CodingKeys: String, CodingKey {
      case medianMs = "median_ms"
      case minMs = "min_ms"
      case p90Ms = "p90_ms"
      case loadMs = "load_ms"
      case arenaBytes = "arena_bytes"
      case peakRSSBytes = "peak_rss_bytes"
      case runs, threads, macs, gflops, shapes
    }

    var text: String {
      let shapes = shapes.sorted { $0.key < $1.key }
        .map { "\($0.key)=\($0.value.map(String.init).joined(separator: "x"))" }.joined(separator: " ")
      return """
        median \(decimal(medianMs, digits: 3)) ms, min \(decimal(minMs, digits: 3)) ms, p90 \(decimal(p90Ms, digits: 3)) ms \
        (\(runs) runs, \(threads) threads, \(shapes))
        load \(decimal(loadMs, digits: 1)) ms, arena \(ByteSize.text(arenaBytes)), peak memory \(ByteSize.text(peakRSSBytes)), \
        \(decimal(gflops, digits: 1)) GFLOP/s
        """
    }
  }

  public func run() throws {
    try OutputFile.check(settings.outputs, notReplacing: [self.model])
    let clock = ContinuousClock()
    let start = clock.now
    let model = try LoadedModel(self.model, settings)
    let planned = try PlannedShapes(model.session, name: model.path, given: shapes, batch: batch)
    let plan = try Progress.show("planning") { _ in try model.session.plan(for: planned.shapes) }
    let loadTime = clock.now - start
    if !planned.assumed.isEmpty {
      Terminal.note("assuming \(planned.assumed.joined(separator: ", ")) (--input-shape)")
    }
    let times = try Progress.show("measuring") { report in
      // Only a session's own runs are recorded.
      try plan.isDynamic || settings.profile != nil
        ? measure(model.session, planned.shapes, report) : measure(try Execution(plan), report)
    }
    try OutputFile.write(settings.parts(model.session))
    settings.tell(model.session)
    let macs = plan.steps.reduce(0) { $0 + ($1.multiplyAdds ?? 0) }
    let median = times.quantile(0.5)
    let figures = Figures(
      medianMs: median, minMs: times.min() ?? 0, p90Ms: times.quantile(0.9), runs: runs,
      threads: model.session.threads, loadMs: loadTime.milliseconds, arenaBytes: plan.memory.arenaBytes,
      peakRSSBytes: ProcessMemory.peak, macs: macs, gflops: median > 0 ? 2 * Double(macs) / median / 1e6 : 0,
      shapes: planned.shapes)
    if isJSON { try JSONOutput.write(figures) } else { try StandardOutput.write(figures.text) }
  }

  /// Times runs of a planned graph.
  private func measure(_ execution: Execution, _ report: (Double) -> Void) throws -> [Double] {
    var random = RandomTensors()
    for (index, port) in execution.plan.inputs.enumerated() {
      execution.withInput(index) { random.fill($0, port.type?.tensor?.elementType ?? .float32) }
    }
    return try measure(report) { try execution.run() }
  }

  /// Times runs of a graph that the interpreter runs.
  private func measure(_ session: Session, _ shapes: [String: [Int]], _ report: (Double) -> Void) throws
    -> [Double]
  {
    var random = RandomTensors()
    var inputs: [String: Tensor] = [:]
    for port in session.inputs {
      guard let shape = shapes[port.name] else { continue }
      inputs[port.name] = try random.tensor(port.type?.tensor?.elementType ?? .float32, shape: shape)
    }
    return try measure(report) { _ = try session.run(inputs) }
  }

  private func measure(_ report: (Double) -> Void, _ run: () throws -> Void) rethrows -> [Double] {
    let clock = ContinuousClock()
    for _ in 0..<warmup { try run() }
    return try (0..<runs).map { index in
      let time = try clock.measure(run)
      report(Double(index + 1) / Double(runs))
      return time.milliseconds
    }
  }
}

/// Inputs without meaning, the same at every run: floats evenly spread over -1..1, small integers.
struct RandomTensors {
  private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

  private mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }

  mutating func tensor(_ type: ElementType, shape: [Int]) throws -> Tensor {
    guard let count = shape.elementCount, let bytes = type.byteCount(of: count) else {
      throw CommandLineError("random inputs of type \(type) can't be made")
    }
    return try Tensor(type, shape: shape, bytes: ByteRegion(count: bytes) { fill($0, type) })
  }

  mutating func fill(_ bytes: UnsafeMutableRawBufferPointer, _ type: ElementType) {
    switch type {
    case .float32: fill(bytes, Float.self) { Float($0) }
    case .float64: fill(bytes, Double.self) { $0 }
    case .float16: fill(bytes, Float16.self) { Float16($0) }
    case .bfloat16: fill(bytes, UInt16.self) { UInt16(Float($0).bitPattern >> 16) }
    case .bool: fill(bytes, UInt8.self) { $0 > 0 ? 1 : 0 }
    case .int16, .uint16: fill(bytes, UInt16.self) { UInt16(abs($0) * 2) }
    case .int32, .uint32: fill(bytes, UInt32.self) { UInt32(abs($0) * 2) }
    case .int64, .uint64: fill(bytes, UInt64.self) { UInt64(abs($0) * 2) }
    default: fill(bytes, UInt8.self) { UInt8(abs($0) * 2) }
    }
  }

  private mutating func fill<Element: BitwiseCopyable>(
    _ bytes: UnsafeMutableRawBufferPointer, _ type: Element.Type, _ convert: (Double) -> Element
  ) {
    let size = MemoryLayout<Element>.size
    for index in 0..<bytes.count / size {
      let number = Double(Int64(bitPattern: next()) >> 11) / 0x1p52
      bytes.storeBytes(of: convert(number), toByteOffset: index * size, as: type)
    }
  }
}

extension Duration {
  var milliseconds: Double { Double(components.seconds) * 1e3 + Double(components.attoseconds) / 1e15 }
}

extension [Double] {
  /// The value below which `fraction` of the elements lie, between neighbours in proportion.
  func quantile(_ fraction: Double) -> Double {
    guard !isEmpty else { return 0 }
    let sorted = self.sorted()
    let place = fraction * Double(count - 1)
    let low = Int(place)
    let high = Swift.min(low + 1, count - 1)
    return sorted[low] + (sorted[high] - sorted[low]) * (place - Double(low))
  }
}
