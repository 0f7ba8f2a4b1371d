extension AttributeProto: Message {
  init() { self.init("", .none) }

  /// The fields that hold the value; an attribute has one of them at most.
  private static let valueNumbers = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 22, 23]

  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws {
    try visitor.atMostOne(of: Self.valueNumbers)
    try visitor.field(1, &name)
    try visitor.optional(2, &value.float)
    try visitor.optional(3, &value.int)
    try visitor.optional(4, &value.string)
    try visitor.message(5, &value.tensor)
    try visitor.message(6, &value.graph)
    try visitor.list(7, &value.floats)
    try visitor.list(8, &value.ints)
    try visitor.list(9, &value.strings)
    try visitor.messages(10, &value.tensors)
    try visitor.messages(11, &value.graphList)
    try visitor.field(13, &docString)
    try visitor.message(14, &value.type)
    try visitor.messages(15, &value.types)
    try visitor.field(20, &type.rawValue)
    try visitor.field(21, &refAttrName)
    try visitor.message(22, &value.sparseTensor)
    try visitor.messages(23, &value.sparseTensors)
    settleDefaults()
  }

  /// An empty list takes no bytes, nor does a zero that a proto3 writer leaves out: the stated type tells them from no
  /// value.
  private mutating func settleDefaults() {
    guard value == .none, refAttrName.isEmpty else { return }
    switch type {
    case .float: value = .float(0)
    case .int: value = .int(0)
    case .string: value = .string([])
    case .floats: value = .floats([])
    case .ints: value = .ints([])
    case .strings: value = .strings([])
    case .tensors: value = .tensors([])
    case .graphs: value = .graphs([])
    case .types: value = .types([])
    case .sparseTensors: value = .sparseTensors([])
    default: break
    }
  }
}

// The value seen as one field of the schema: nil or empty unless it is of that kind. Setting nil or an empty list
// leaves a value of another kind alone.
extension AttributeProto.Value {
  fileprivate var float: Float? {
    get { if case .float(let value) = self { value } else { nil } }
    set { if let newValue { self = .float(newValue) } }
  }

  fileprivate var int: Int64? {
    get { if case .int(let value) = self { value } else { nil } }
    set { if let newValue { self = .int(newValue) } }
  }

  fileprivate var string: [UInt8]? {
    get { if case .string(let value) = self { value } else { nil } }
    set { if let newValue { self = .string(newValue) } }
  }

  fileprivate var tensor: TensorProto? {
    get { if case .tensor(let value) = self { value } else { nil } }
    set { if let newValue { self = .tensor(newValue) } }
  }

  fileprivate var graph: GraphProto? {
    get { if case .graph(let value) = self { value } else { nil } }
    set { if let newValue { self = .graph(newValue) } }
  }

  fileprivate var sparseTensor: SparseTensorProto? {
    get { if case .sparseTensor(let value) = self { value } else { nil } }
    set { if let newValue { self = .sparseTensor(newValue) } }
  }

  fileprivate var type: TypeProto? {
    get { if case .type(let value) = self { value } else { nil } }
    set { if let newValue { self = .type(newValue) } }
  }

  fileprivate var floats: [Float] {
    get { if case .floats(let values) = self { values } else { [] } }
    set { if !newValue.isEmpty { self = .floats(newValue) } }
  }

  fileprivate var ints: [Int64] {
    get { if case .ints(let values) = self { values } else { [] } }
    set { if !newValue.isEmpty { self = .ints(newValue) } }
  }

  fileprivate var strings: [[UInt8]] {
    get { if case .strings(let values) = self { values } else { [] } }
    set { if !newValue.isEmpty { self = .strings(newValue) } }
  }

  fileprivate var tensors: [TensorProto] {
    get { if case .tensors(let values) = self { values } else { [] } }
    set { if !newValue.isEmpty { self = .tensors(newValue) } }
  }

  fileprivate var graphList: [GraphProto] {
    get { if case .graphs(let values) = self { values } else { [] } }
    set { if !newValue.isEmpty { self = .graphs(newValue) } }
  }

  fileprivate var sparseTensors: [SparseTensorProto] {
    get { if case .sparseTensors(let values) = self { values } else { [] } }
    set { if !newValue.isEmpty { self = .sparseTensors(newValue) } }
  }

  fileprivate var types: [TypeProto] {
    get { if case .types(let values) = self { values } else { [] } }
    set { if !newValue.isEmpty { self = .types(newValue) } }
  }
}
