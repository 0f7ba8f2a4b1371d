/// An ONNX model as its file holds it (`ModelProto`): a faithful mirror, with every field of ONNX 1.23.
public struct Model: Sendable, Hashable {
  public var irVersion: Int64
  /// The operator sets the graph's nodes are of.
  public var opsetImports: [OperatorSetID]
  public var producerName: String
  public var producerVersion: String
  /// The model's namespace, in reverse-DNS form.
  public var domain: String
  public var modelVersion: Int64
  public var docString: String
  /// nil where the file holds none; `check` refuses such a model.
  public var graph: GraphProto?
  public var metadata: [StringStringEntry]
  public var trainingInfo: [TrainingInfoProto]
  public var functions: [FunctionProto]
  /// The device configurations that nodes may refer to.
  public var configurations: [DeviceConfigurationProto]
  public var trace = WireTrace()

  public init(
    irVersion: Int64 = 0, opsetImports: [OperatorSetID] = [], producerName: String = "",
    producerVersion: String = "", domain: String = "", modelVersion: Int64 = 0, docString: String = "",
    graph: GraphProto? = nil, metadata: [StringStringEntry] = [], trainingInfo: [TrainingInfoProto] = [],
    functions: [FunctionProto] = [], configurations: [DeviceConfigurationProto] = []
  ) {
    self.irVersion = irVersion
    self.opsetImports = opsetImports
    self.producerName = producerName
    self.producerVersion = producerVersion
    self.domain = domain
    self.modelVersion = modelVersion
    self.docString = docString
    self.graph = graph
    self.metadata = metadata
    self.trainingInfo = trainingInfo
    self.functions = functions
    self.configurations = configurations
  }
}

/// An operator set that a model or function imports (`OperatorSetIdProto`).
public struct OperatorSetID: Sendable, Hashable {
  /// Empty or `ai.onnx` for the standard's own set.
  public var domain: String
  public var version: Int64
  public var trace = WireTrace()

  public init(domain: String = "", version: Int64 = 0) {
    self.domain = domain
    self.version = version
  }
}

/// A key with its value (`StringStringEntryProto`).
public struct StringStringEntry: Sendable, Hashable {
  public var key: String
  public var value: String
  public var trace = WireTrace()

  public init(key: String = "", value: String = "") {
    self.key = key
    self.value = value
  }
}

/// How a model is trained (`TrainingInfoProto`).
public struct TrainingInfoProto: Sendable, Hashable {
  /// Gives the trained values their first contents.
  public var initialization: GraphProto?
  /// One training step.
  public var algorithm: GraphProto?
  public var initializationBinding: [StringStringEntry]
  public var updateBinding: [StringStringEntry]
  public var trace = WireTrace()

  public init(
    initialization: GraphProto? = nil, algorithm: GraphProto? = nil,
    initializationBinding: [StringStringEntry] = [], updateBinding: [StringStringEntry] = []
  ) {
    self.initialization = initialization
    self.algorithm = algorithm
    self.initializationBinding = initializationBinding
    self.updateBinding = updateBinding
  }
}
