// Field numbers are those of onnx.proto; every function lists its message's fields in ascending order.

extension Model: Message {
  init() { self.init(irVersion: 0) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &irVersion)
    try visitor.field(2, &producerName)
    try visitor.field(3, &producerVersion)
    try visitor.field(4, &domain)
    try visitor.field(5, &modelVersion)
    try visitor.field(6, &docString)
    try visitor.message(7, &graph)
    try visitor.messages(8, &opsetImports)
    try visitor.messages(14, &metadata)
    try visitor.messages(20, &trainingInfo)
    try visitor.messages(25, &functions)
    try visitor.messages(26, &configurations)
  }
}

extension OperatorSetID: Message {
  init() { self.init(domain: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &domain)
    try visitor.field(2, &version)
  }
}

extension StringStringEntry: Message {
  init() { self.init(key: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &key)
    try visitor.field(2, &value)
  }
}

extension TrainingInfoProto: Message {
  init() { self.init(initialization: nil) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.message(1, &initialization)
    try visitor.message(2, &algorithm)
    try visitor.messages(3, &initializationBinding)
    try visitor.messages(4, &updateBinding)
  }
}

extension FunctionProto: Message {
  init() { self.init(name: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &name)
    try visitor.list(4, &inputs)
    try visitor.list(5, &outputs)
    try visitor.list(6, &attributes)
    try visitor.messages(7, &nodes)
    try visitor.field(8, &docString)
    try visitor.messages(9, &opsetImports)
    try visitor.field(10, &domain)
    try visitor.messages(11, &attributeDefaults)
    try visitor.messages(12, &valueInfo)
    try visitor.field(13, &overload)
    try visitor.messages(14, &metadata)
  }
}

extension GraphProto: Message {
  init() { self.init(name: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.messages(1, &nodes)
    try visitor.field(2, &name)
    try visitor.messages(5, &initializers)
    try visitor.field(10, &docString)
    try visitor.messages(11, &inputs)
    try visitor.messages(12, &outputs)
    try visitor.messages(13, &valueInfo)
    try visitor.messages(14, &quantizationAnnotations)
    try visitor.messages(15, &sparseInitializers)
    try visitor.messages(16, &metadata)
  }
}

extension TensorAnnotation: Message {
  init() { self.init(tensorName: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &tensorName)
    try visitor.messages(2, &parameterTensorNames)
  }
}

extension NodeProto: Message {
  init() { self.init(opType: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.list(1, &inputs)
    try visitor.list(2, &outputs)
    try visitor.field(3, &name)
    try visitor.field(4, &opType)
    try visitor.messages(5, &attributes)
    try visitor.field(6, &docString)
    try visitor.field(7, &domain)
    try visitor.field(8, &overload)
    try visitor.messages(9, &metadata)
    try visitor.messages(10, &deviceConfigurations)
  }
}
