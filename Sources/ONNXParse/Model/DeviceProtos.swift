/// A set of devices that a model may be spread over (`DeviceConfigurationProto`).
public struct DeviceConfigurationProto: Sendable, Hashable {
  public var name: String
  public var deviceCount: Int32
  public var devices: [String]
  public var trace = WireTrace()

  public init(name: String = "", deviceCount: Int32 = 0, devices: [String] = []) {
    self.name = name
    self.deviceCount = deviceCount
    self.devices = devices
  }
}

/// How one node is spread over the devices of a configuration (`NodeDeviceConfigurationProto`).
public struct NodeDeviceConfigurationProto: Sendable, Hashable {
  public var configurationID: String
  public var shardingSpecs: [ShardingSpecProto]
  public var pipelineStage: Int32
  public var trace = WireTrace()

  public init(configurationID: String = "", shardingSpecs: [ShardingSpecProto] = [], pipelineStage: Int32 = 0)
  {
    self.configurationID = configurationID
    self.shardingSpecs = shardingSpecs
    self.pipelineStage = pipelineStage
  }
}

/// How one tensor of a node is spread over devices (`ShardingSpecProto`).
public struct ShardingSpecProto: Sendable, Hashable {
  public var tensorName: String
  /// Devices, or keys of `deviceGroups` where negative.
  public var devices: [Int64]
  public var deviceGroups: [IntIntListEntry]
  public var shardedDimensions: [ShardedDimProto]
  public var trace = WireTrace()

  public init(
    tensorName: String = "", devices: [Int64] = [], deviceGroups: [IntIntListEntry] = [],
    shardedDimensions: [ShardedDimProto] = []
  ) {
    self.tensorName = tensorName
    self.devices = devices
    self.deviceGroups = deviceGroups
    self.shardedDimensions = shardedDimensions
  }
}

/// A number with a list of numbers (`IntIntListEntryProto`).
public struct IntIntListEntry: Sendable, Hashable {
  public var key: Int64
  public var values: [Int64]
  public var trace = WireTrace()

  public init(key: Int64 = 0, values: [Int64] = []) {
    self.key = key
    self.values = values
  }
}

/// How one axis of a tensor is split (`ShardedDimProto`).
public struct ShardedDimProto: Sendable, Hashable {
  public var axis: Int64
  public var shardings: [SimpleShardedDimProto]
  public var trace = WireTrace()

  public init(axis: Int64 = 0, shardings: [SimpleShardedDimProto] = []) {
    self.axis = axis
    self.shardings = shardings
  }
}

/// One level of splitting an axis (`SimpleShardedDimProto`).
public struct SimpleShardedDimProto: Sendable, Hashable {
  public var extent: TensorShapeProto.Dimension.Extent
  public var shardCount: Int64
  public var trace = WireTrace()

  public init(extent: TensorShapeProto.Dimension.Extent = .unknown, shardCount: Int64 = 0) {
    self.extent = extent
    self.shardCount = shardCount
  }
}
