/// Which network of the paper: its backbone, and how many fully connected layers lead to the feature.
public enum CSNVersion: String, Sendable, CaseIterable {
  /// ResNet50 with five fully connected layers (figure 1).
  case v1
  /// GoogLeNet with four fully connected layers (figure 2).
  case v2
  /// Built as v1; it refines what the fusion made.
  case v3

  /// The widths of the fully connected layers between the last pooling and the output, the feature last.
  public var defaultWidths: [Int] { self == .v2 ? [512, 256, 128, 32] : [1024, 512, 256, 128, 32] }
}

/// How the similarity network joins two features (equation 1).
public enum Integration: String, Sendable, CaseIterable {
  /// g = (F - F1) ⊗ (F - F1).
  case squaredDifference = "squared-difference"
  /// g = F ⊗ F1, as the printed equation can also be read.
  case product
}

/// The element-wise fusion rule (equation 2).
public enum FusionRule: String, Sendable, CaseIterable {
  case max, mean, sum
  /// The graph's default: `max`, which the paper names best for every kind of images.
  case auto

  /// The rule that a graph built with this one follows.
  public var resolved: FusionRule { self == .auto ? .max : self }
}

/// The keys under which a CSN or fusion graph carries what a program needs to know of it (`Graph.metadata`).
public enum CSNMetadata {
  /// `csn` or `fusion`.
  public static let kind = "csn.kind"
  /// `v1`, `v2` or `v3`; of a fusion graph, the network that gives probabilities, features and similarity.
  public static let version = "csn.version"
  /// The class names, one a line, where they are known.
  public static let labels = "csn.labels"
  /// The preprocessing inside the graph, one backbone after the other, separated by commas.
  public static let preprocessing = "csn.preprocess"
  public static let integration = "csn.integration"
  /// The rule of the output `fused`; the other rules are the outputs `fused_max`, `fused_mean` and `fused_sum`.
  public static let rule = "csn.rule"
  /// What was found, derived and loaded: the lines of the build report.
  public static let report = "csn.report"
}
