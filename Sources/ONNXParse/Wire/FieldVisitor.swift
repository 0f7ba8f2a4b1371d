/// A message of the schema: it names its fields once, for reading and writing alike.
protocol Message: Sendable {
  init()
  var trace: WireTrace { get set }

  /// Shows every field to `visitor`, in ascending order of field numbers.
  mutating func visit<Visitor: FieldVisitor>(_ visitor: inout Visitor) throws
}

/// What is done with the fields of a message: reading fills them, writing leaves them as they are.
protocol FieldVisitor {
  /// A field that holds its default value where it is absent.
  mutating func field<Value: WireScalar>(_ number: Int, _ value: inout Value) throws

  /// A field that is nil where it is absent.
  mutating func optional<Value: WireScalar>(_ number: Int, _ value: inout Value?) throws

  /// A repeated field.
  mutating func list<Value: WireScalar>(_ number: Int, _ values: inout [Value]) throws

  /// A message inside, nil where it is absent.
  mutating func message<Value: Message>(_ number: Int, _ value: inout Value?) throws

  /// Repeated messages inside.
  mutating func messages<Value: Message>(_ number: Int, _ values: inout [Value]) throws

  /// The data of a tensor, as far as it stands in one of the fields `numbers`.
  mutating func payload(_ numbers: ClosedRange<Int>, _ payload: inout TensorProto.Payload) throws

  /// A tensor, behind all of its fields.
  mutating func tensor(_ tensor: inout TensorProto) throws

  /// Fails where more than one of the fields `numbers` is there.
  func atMostOne(of numbers: [Int]) throws
}

extension FieldVisitor {
  mutating func tensor(_ tensor: inout TensorProto) throws {}
  func atMostOne(of numbers: [Int]) throws {}
}
