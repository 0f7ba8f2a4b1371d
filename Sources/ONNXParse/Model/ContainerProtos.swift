/// A sequence of values of one kind, as ONNX test data holds it (`SequenceProto`).
public struct SequenceProto: Sendable, Hashable {
  public var name: String
  /// `SequenceProto.DataType`: 1 tensors, 2 sparse tensors, 3 sequences, 4 maps, 5 optionals.
  public var elementKind: Int32
  public var tensors: [TensorProto]
  public var sparseTensors: [SparseTensorProto]
  public var sequences: [SequenceProto]
  public var maps: [MapProto]
  public var optionals: [OptionalProto]
  public var trace = WireTrace()

  public init(
    name: String = "", elementKind: Int32 = 0, tensors: [TensorProto] = [],
    sparseTensors: [SparseTensorProto] = [], sequences: [SequenceProto] = [], maps: [MapProto] = [],
    optionals: [OptionalProto] = []
  ) {
    self.name = name
    self.elementKind = elementKind
    self.tensors = tensors
    self.sparseTensors = sparseTensors
    self.sequences = sequences
    self.maps = maps
    self.optionals = optionals
  }
}

/// A map from integers or strings to values (`MapProto`).
public struct MapProto: Sendable, Hashable {
  public var name: String
  /// `TensorProto.DataType` of the keys.
  public var keyType: Int32
  public var keys: [Int64]
  public var stringKeys: [[UInt8]]
  public var values: SequenceProto?
  public var trace = WireTrace()

  public init(
    name: String = "", keyType: Int32 = 0, keys: [Int64] = [], stringKeys: [[UInt8]] = [],
    values: SequenceProto? = nil
  ) {
    self.name = name
    self.keyType = keyType
    self.keys = keys
    self.stringKeys = stringKeys
    self.values = values
  }
}

/// A value that may be absent (`OptionalProto`).
public struct OptionalProto: Sendable, Hashable {
  public var name: String
  /// `OptionalProto.DataType`: 0 none, 1 tensor, 2 sparse tensor, 3 sequence, 4 map, 5 optional.
  public var elementKind: Int32
  public var value: Value
  public var trace = WireTrace()

  public init(name: String = "", elementKind: Int32 = 0, value: Value = .none) {
    self.name = name
    self.elementKind = elementKind
    self.value = value
  }

  public indirect enum Value: Sendable, Hashable {
    case none
    case tensor(TensorProto)
    case sparseTensor(SparseTensorProto)
    case sequence(SequenceProto)
    case map(MapProto)
    case optional(OptionalProto)
  }
}
