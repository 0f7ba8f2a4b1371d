extension DeviceConfigurationProto: Message {
  init() { self.init(name: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &name)
    try visitor.field(2, &deviceCount)
    try visitor.list(3, &devices)
  }
}

extension NodeDeviceConfigurationProto: Message {
  init() { self.init(configurationID: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &configurationID)
    try visitor.messages(2, &shardingSpecs)
    try visitor.field(3, &pipelineStage)
  }
}

extension ShardingSpecProto: Message {
  init() { self.init(tensorName: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &tensorName)
    try visitor.list(2, &devices)
    try visitor.messages(3, &deviceGroups)
    try visitor.messages(4, &shardedDimensions)
  }
}

extension IntIntListEntry: Message {
  init() { self.init(key: 0) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &key)
    try visitor.list(2, &values)
  }
}

extension ShardedDimProto: Message {
  init() { self.init(axis: 0) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &axis)
    try visitor.messages(2, &shardings)
  }
}

extension SimpleShardedDimProto: Message {
  init() { self.init(extent: .unknown) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.optional(1, &extent.value)
    try visitor.optional(2, &extent.symbol)
    try visitor.field(3, &shardCount)
  }
}
