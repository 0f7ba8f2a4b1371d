extension Profile {
  /// A row of a table: steps of one kind together.
  public struct Row: Sendable {
    /// The operator, or operator, types and algorithm.
    public let name: String
    public internal(set) var nodes = 0
    /// Nanoseconds a run.
    public internal(set) var nanoseconds = 0.0
    public internal(set) var multiplyAdds = 0
    public internal(set) var byteCount = 0

    /// Direct-equivalent floating-point operations a nanosecond.
    public var gigaflops: Double { nanoseconds > 0 ? 2 * Double(multiplyAdds) / nanoseconds : 0 }
    /// Operand bytes a nanosecond.
    public var gigabytes: Double { nanoseconds > 0 ? Double(byteCount) / nanoseconds : 0 }
  }

  /// Times by operator, the longest first.
  public var byOperator: [Row] { rows { $0.op.description } }

  /// Times by operator, types and algorithm, the longest first.
  public var byShape: [Row] {
    rows { step in
      let choice = step.choice.map { " (\($0))" } ?? ""
      return "\(step.op)\(choice) \(step.signature)"
    }
  }

  private func rows(_ key: (StepDescription) -> String) -> [Row] {
    var rows: [String: Row] = [:]
    for step in steps where step.runs > 0 {
      let name = key(step.description)
      var row = rows[name] ?? Row(name: name)
      row.nanoseconds += Double(step.nanoseconds) / Double(step.runs)
      row.multiplyAdds += step.description.multiplyAdds ?? 0
      row.byteCount += step.description.byteCount
      if !step.description.isContinued { row.nodes += 1 }
      rows[name] = row
    }
    return rows.values.sorted { ($1.nanoseconds, $0.name) < ($0.nanoseconds, $1.name) }
  }

  /// The two tables as text.
  public var table: String { Self.table("operator", byOperator) + "\n" + Self.table("shape", byShape) }

  private static func table(_ title: String, _ rows: [Row]) -> String {
    let total = rows.reduce(0) { $0 + $1.nanoseconds }
    var lines = ["      ms      %  nodes  GFLOP/s     GB/s  \(title)"]
    for row in rows {
      let cells = [
        fixed(row.nanoseconds / 1e6, 3, width: 8),
        fixed(total > 0 ? 100 * row.nanoseconds / total : 0, 1, width: 6),
        pad("\(row.nodes)", 6), row.multiplyAdds > 0 ? fixed(row.gigaflops, 1, width: 8) : pad("-", 8),
        fixed(row.gigabytes, 1, width: 8),
      ]
      lines.append(cells.joined(separator: " ") + "  " + row.name)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func fixed(_ value: Double, _ places: Int, width: Int) -> String {
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let scaled = Int(min((value * scale).rounded(), 1e15))
    let digits = String(scaled)
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    return pad("\(padded.dropLast(places)).\(padded.suffix(places))", width)
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  /// `events` in the Chrome trace format (chrome://tracing, Perfetto): one complete event a step.
  public var chromeTrace: String {
    let origin = events.first?.start ?? 0
    let entries = events.map { event in
      let step = event.description
      let macs = step.multiplyAdds.map { ",\"multiply_adds\":\($0)" } ?? ""
      let choice = step.choice.map { ",\"algorithm\":\(Self.quoted($0))" } ?? ""
      return
        "{\"name\":\(Self.quoted(step.node)),\"cat\":\(Self.quoted(step.op.description)),\"ph\":\"X\",\"pid\":1,\"tid\":1,"
        + "\"ts\":\(Double(event.start - origin) / 1000),\"dur\":\(Double(event.duration) / 1000),"
        + "\"args\":{\"types\":\(Self.quoted(step.signature)),\"bytes\":\(step.byteCount)\(macs)\(choice)}}"
    }
    return "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n" + entries.joined(separator: ",\n") + "\n]}\n"
  }

  /// `text` as a JSON string.
  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
