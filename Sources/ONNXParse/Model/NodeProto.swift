/// One operator call (`NodeProto`).
public struct NodeProto: Sendable, Hashable {
  /// Names of the values read; empty for an optional input left out.
  public var inputs: [String]
  /// Names of the values made; empty for an optional output left out.
  public var outputs: [String]
  public var name: String
  public var opType: String
  public var domain: String
  /// Tells model-local functions of one domain and name apart.
  public var overload: String
  public var attributes: [AttributeProto]
  public var docString: String
  public var metadata: [StringStringEntry]
  public var deviceConfigurations: [NodeDeviceConfigurationProto]
  public var trace = WireTrace()

  public init(
    opType: String = "", inputs: [String] = [], outputs: [String] = [], name: String = "",
    domain: String = "",
    overload: String = "", attributes: [AttributeProto] = [], docString: String = "",
    metadata: [StringStringEntry] = [], deviceConfigurations: [NodeDeviceConfigurationProto] = []
  ) {
    self.opType = opType
    self.inputs = inputs
    self.outputs = outputs
    self.name = name
    self.domain = domain
    self.overload = overload
    self.attributes = attributes
    self.docString = docString
    self.metadata = metadata
    self.deviceConfigurations = deviceConfigurations
  }
}
