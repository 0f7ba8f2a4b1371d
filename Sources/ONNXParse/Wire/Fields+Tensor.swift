extension TensorProto: Message {
  static let stringDataNumber = 6
  static let rawDataNumber = 9
  /// `dataLocation` of a tensor whose data another file holds.
  static let externalLocation: Int32 = 1

  init() { self.init(name: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.list(1, &dims)
    try visitor.field(2, &dataType)
    try visitor.message(3, &segment)
    try visitor.payload(4...7, &payload)
    try visitor.field(8, &name)
    try visitor.payload(9...11, &payload)
    try visitor.field(12, &docString)
    try visitor.messages(13, &externalData)
    try visitor.field(14, &dataLocation)
    try visitor.messages(16, &metadata)
    try visitor.tensor(&self)
  }
}

extension TensorProto.Segment: Message {
  init() { self.init(begin: 0) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &begin)
    try visitor.field(2, &end)
  }
}

extension SparseTensorProto: Message {
  init() { self.init(values: nil) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.message(1, &values)
    try visitor.message(2, &indices)
    try visitor.list(3, &dims)
  }
}

extension SequenceProto: Message {
  init() { self.init(name: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &name)
    try visitor.field(2, &elementKind)
    try visitor.messages(3, &tensors)
    try visitor.messages(4, &sparseTensors)
    try visitor.messages(5, &sequences)
    try visitor.messages(6, &maps)
    try visitor.messages(7, &optionals)
  }
}

extension MapProto: Message {
  init() { self.init(name: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &name)
    try visitor.field(2, &keyType)
    try visitor.list(3, &keys)
    try visitor.list(4, &stringKeys)
    try visitor.message(5, &values)
  }
}

extension OptionalProto: Message {
  init() { self.init(name: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.atMostOne(of: Array(3...7))
    try visitor.field(1, &name)
    try visitor.field(2, &elementKind)
    try visitor.message(3, &value.tensor)
    try visitor.message(4, &value.sparseTensor)
    try visitor.message(5, &value.sequence)
    try visitor.message(6, &value.map)
    try visitor.message(7, &value.optional)
  }
}

// The value seen as one field of the schema; setting nil leaves a value of another kind alone.
extension OptionalProto.Value {
  fileprivate var tensor: TensorProto? {
    get { if case .tensor(let value) = self { value } else { nil } }
    set { if let newValue { self = .tensor(newValue) } }
  }

  fileprivate var sparseTensor: SparseTensorProto? {
    get { if case .sparseTensor(let value) = self { value } else { nil } }
    set { if let newValue { self = .sparseTensor(newValue) } }
  }

  fileprivate var sequence: SequenceProto? {
    get { if case .sequence(let value) = self { value } else { nil } }
    set { if let newValue { self = .sequence(newValue) } }
  }

  fileprivate var map: MapProto? {
    get { if case .map(let value) = self { value } else { nil } }
    set { if let newValue { self = .map(newValue) } }
  }

  fileprivate var optional: OptionalProto? {
    get { if case .optional(let value) = self { value } else { nil } }
    set { if let newValue { self = .optional(newValue) } }
  }
}
