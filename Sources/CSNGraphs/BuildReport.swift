import GraphRuntime

/// What a builder found in the backbone, judged, derived and loaded, in the order of the graph.
public struct BuildReport: Sendable, Hashable {
  public enum Origin: String, Sendable {
    /// Read off the backbone's structure.
    case found
    /// Concluded from the backbone's weights or names; an option overrides it.
    case judged
    /// Asked for by an option.
    case given
    /// Computed from the pretrained weights; not trained.
    case derived
    /// Taken from the head file.
    case loaded
    /// Left out, with the reason.
    case absent
  }

  public struct Entry: Sendable, Hashable, CustomStringConvertible {
    public let origin: Origin
    /// What it is about: `pooling`, `classifier`, `fc1`...
    public let subject: String
    public let detail: String

    public var description: String { "\(origin.rawValue) \(subject): \(detail)" }
  }

  public private(set) var entries: [Entry] = []

  public init() {}

  mutating func add(_ origin: Origin, _ subject: String, _ detail: String) {
    entries.append(Entry(origin: origin, subject: subject, detail: detail))
  }

  mutating func append(_ other: BuildReport, prefix: String = "") {
    entries += other.entries.map { Entry(origin: $0.origin, subject: prefix + $0.subject, detail: $0.detail) }
  }

  /// One line an entry: `derived fc1..fc4: rank-32 factorisation of the classifier`.
  public var lines: [String] { entries.map(\.description) }
}

/// A graph and how it came about.
public struct BuiltGraph: Sendable {
  public let graph: Graph
  public let report: BuildReport
}
