import GraphRuntime

/// What a CSN is to be like; the defaults are the paper's.
public struct CSNOptions: Sendable {
  public var version: CSNVersion
  /// Widths of the fully connected layers between pooling and output, the last one the feature; nil for the version's.
  public var widths: [Int]?
  /// Class names in order; their number must be that of the classifier or of the loaded head.
  public var labels: [String]?
  /// How many classes; nil for the classifier's or the loaded head's.
  public var classCount: Int?
  public var integration: Integration
  /// What the backbone was trained on; nil to judge it from the backbone.
  public var preprocessing: Preprocessing?
  /// Trained weights by name (`HeadWeights`); what is missing as a whole layer group is derived.
  public var head: [String: Tensor]

  public init(
    version: CSNVersion, widths: [Int]? = nil, labels: [String]? = nil, classCount: Int? = nil,
    integration: Integration = .squaredDifference, preprocessing: Preprocessing? = nil,
    head: [String: Tensor] = [:]
  ) {
    self.version = version
    self.widths = widths
    self.labels = labels
    self.classCount = classCount
    self.integration = integration
    self.preprocessing = preprocessing
    self.head = head
  }
}

/// What a fusion graph is to be like.
public struct FusionOptions: Sendable {
  /// The rule of the output `fused`.
  public var rule: FusionRule
  /// As in `CSNOptions`, for the network that gives probabilities, features and similarity.
  public var widths: [Int]?
  public var labels: [String]?
  public var classCount: Int?
  public var integration: Integration
  /// What the backbones were trained on: none (judge each), one for all, or one for each.
  public var preprocessing: [Preprocessing]
  /// Trained weights by name: those of the CSN and those of the fusion path.
  public var head: [String: Tensor]

  public init(
    rule: FusionRule = .auto, widths: [Int]? = nil, labels: [String]? = nil, classCount: Int? = nil,
    integration: Integration = .squaredDifference, preprocessing: [Preprocessing] = [],
    head: [String: Tensor] = [:]
  ) {
    self.rule = rule
    self.widths = widths
    self.labels = labels
    self.classCount = classCount
    self.integration = integration
    self.preprocessing = preprocessing
    self.head = head
  }
}
