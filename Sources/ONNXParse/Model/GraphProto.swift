/// A graph: nodes in topological order over values that are linked by name (`GraphProto`).
public struct GraphProto: Sendable, Hashable {
  public var name: String
  public var nodes: [NodeProto]
  public var initializers: [TensorProto]
  public var sparseInitializers: [SparseTensorProto]
  public var docString: String
  public var inputs: [ValueInfoProto]
  public var outputs: [ValueInfoProto]
  /// The types of inner values, as far as they were recorded.
  public var valueInfo: [ValueInfoProto]
  public var quantizationAnnotations: [TensorAnnotation]
  public var metadata: [StringStringEntry]
  public var trace = WireTrace()

  public init(
    name: String = "", nodes: [NodeProto] = [], initializers: [TensorProto] = [],
    sparseInitializers: [SparseTensorProto] = [], docString: String = "", inputs: [ValueInfoProto] = [],
    outputs: [ValueInfoProto] = [], valueInfo: [ValueInfoProto] = [],
    quantizationAnnotations: [TensorAnnotation] = [], metadata: [StringStringEntry] = []
  ) {
    self.name = name
    self.nodes = nodes
    self.initializers = initializers
    self.sparseInitializers = sparseInitializers
    self.docString = docString
    self.inputs = inputs
    self.outputs = outputs
    self.valueInfo = valueInfo
    self.quantizationAnnotations = quantizationAnnotations
    self.metadata = metadata
  }
}

/// The quantization parameters of one tensor (`TensorAnnotation`).
public struct TensorAnnotation: Sendable, Hashable {
  public var tensorName: String
  /// Keys such as `SCALE_TENSOR` with the names of the tensors that hold them.
  public var parameterTensorNames: [StringStringEntry]
  public var trace = WireTrace()

  public init(tensorName: String = "", parameterTensorNames: [StringStringEntry] = []) {
    self.tensorName = tensorName
    self.parameterTensorNames = parameterTensorNames
  }
}

/// A model-local function (`FunctionProto`).
public struct FunctionProto: Sendable, Hashable {
  public var name: String
  public var inputs: [String]
  public var outputs: [String]
  /// The attributes a caller must give.
  public var attributes: [String]
  /// The attributes a caller may give, with their defaults.
  public var attributeDefaults: [AttributeProto]
  public var nodes: [NodeProto]
  public var docString: String
  public var opsetImports: [OperatorSetID]
  public var domain: String
  /// Tells functions of one domain and name apart.
  public var overload: String
  public var valueInfo: [ValueInfoProto]
  public var metadata: [StringStringEntry]
  public var trace = WireTrace()

  public init(
    name: String = "", inputs: [String] = [], outputs: [String] = [], attributes: [String] = [],
    attributeDefaults: [AttributeProto] = [], nodes: [NodeProto] = [], docString: String = "",
    opsetImports: [OperatorSetID] = [], domain: String = "", overload: String = "",
    valueInfo: [ValueInfoProto] = [], metadata: [StringStringEntry] = []
  ) {
    self.name = name
    self.inputs = inputs
    self.outputs = outputs
    self.attributes = attributes
    self.attributeDefaults = attributeDefaults
    self.nodes = nodes
    self.docString = docString
    self.opsetImports = opsetImports
    self.domain = domain
    self.overload = overload
    self.valueInfo = valueInfo
    self.metadata = metadata
  }
}
