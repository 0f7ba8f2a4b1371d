extension ValueInfoProto: Message {
  init() { self.init(name: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &name)
    try visitor.message(2, &type)
    try visitor.field(3, &docString)
    try visitor.messages(4, &metadata)
  }
}

extension TypeProto: Message {
  init() { self.init(.none) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.message(1, &value.tensor)
    try visitor.message(4, &value.sequence)
    try visitor.message(5, &value.map)
    try visitor.field(6, &denotation)
    try visitor.message(7, &value.opaque)
    try visitor.message(8, &value.sparseTensor)
    try visitor.message(9, &value.optional)
  }
}

// The value seen as one member of the schema's oneof; setting nil leaves a value of another kind alone.
extension TypeProto.Value {
  fileprivate var tensor: TypeProto.Tensor? {
    get { if case .tensor(let value) = self { value } else { nil } }
    set { if let newValue { self = .tensor(newValue) } }
  }

  fileprivate var sequence: TypeProto.Sequence? {
    get { if case .sequence(let value) = self { value } else { nil } }
    set { if let newValue { self = .sequence(newValue) } }
  }

  fileprivate var map: TypeProto.Map? {
    get { if case .map(let value) = self { value } else { nil } }
    set { if let newValue { self = .map(newValue) } }
  }

  fileprivate var opaque: TypeProto.Opaque? {
    get { if case .opaque(let value) = self { value } else { nil } }
    set { if let newValue { self = .opaque(newValue) } }
  }

  fileprivate var sparseTensor: TypeProto.Tensor? {
    get { if case .sparseTensor(let value) = self { value } else { nil } }
    set { if let newValue { self = .sparseTensor(newValue) } }
  }

  fileprivate var optional: TypeProto.Optional? {
    get { if case .optional(let value) = self { value } else { nil } }
    set { if let newValue { self = .optional(newValue) } }
  }
}

extension TypeProto.Tensor: Message {
  init() { self.init(elementType: 0) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &elementType)
    try visitor.message(2, &shape)
  }
}

extension TypeProto.Sequence: Message {
  init() { self.init(of: nil) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.message(1, &element)
  }
}

extension TypeProto.Map: Message {
  init() { self.init(keyType: 0) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &keyType)
    try visitor.message(2, &value)
  }
}

extension TypeProto.Optional: Message {
  init() { self.init(of: nil) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.message(1, &element)
  }
}

extension TypeProto.Opaque: Message {
  init() { self.init(domain: "") }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.field(1, &domain)
    try visitor.field(2, &name)
  }
}

extension TensorShapeProto: Message {
  init() { self.init([]) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.messages(1, &dimensions)
  }
}

extension TensorShapeProto.Dimension: Message {
  init() { self.init(.unknown) }

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.optional(1, &extent.value)
    try visitor.optional(2, &extent.symbol)
    try visitor.field(3, &denotation)
  }
}

// The extent seen as one member of the schema's oneof; setting nil leaves an extent of another kind alone.
extension TensorShapeProto.Dimension.Extent {
  var value: Int64? {
    get { if case .value(let value) = self { value } else { nil } }
    set { if let newValue { self = .value(newValue) } }
  }

  var symbol: String? {
    get { if case .symbol(let symbol) = self { symbol } else { nil } }
    set { if let newValue { self = .symbol(newValue) } }
  }
}
