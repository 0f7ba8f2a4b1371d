/// A named attribute of a node or function (`AttributeProto`).
public struct AttributeProto: Sendable, Hashable {
  public var name: String
  /// Inside a function: the function's attribute that gives the value; empty otherwise.
  public var refAttrName: String
  public var docString: String
  /// The kind the file states; `undefined` in files of IR version 1. `check` compares it with `value`.
  public var type: Kind
  public var value: Value
  public var trace = WireTrace()

  /// An attribute of the kind that `value` is of.
  public init(_ name: String, _ value: Value, docString: String = "") {
    self.name = name
    self.value = value
    self.docString = docString
    type = value.kind
    refAttrName = ""
  }

  /// Inside a function: an attribute that takes the value of the function's attribute `refAttrName`.
  public init(_ name: String, referringTo refAttrName: String, type: Kind, docString: String = "") {
    self.name = name
    self.refAttrName = refAttrName
    self.type = type
    self.docString = docString
    value = .none
  }

  /// What the one value field of an attribute holds.
  public enum Value: Sendable, Hashable {
    /// No value field, as in a reference to a function's attribute.
    case none
    case float(Float)
    case int(Int64)
    /// Text in UTF-8 by the standard, any bytes in practice.
    case string([UInt8])
    indirect case tensor(TensorProto)
    indirect case graph(GraphProto)
    indirect case sparseTensor(SparseTensorProto)
    indirect case type(TypeProto)
    case floats([Float])
    case ints([Int64])
    case strings([[UInt8]])
    case tensors([TensorProto])
    case graphs([GraphProto])
    case sparseTensors([SparseTensorProto])
    case types([TypeProto])

    /// The kind of attribute that holds such a value.
    public var kind: Kind {
      switch self {
      case .none: .undefined
      case .float: .float
      case .int: .int
      case .string: .string
      case .tensor: .tensor
      case .graph: .graph
      case .sparseTensor: .sparseTensor
      case .type: .type
      case .floats: .floats
      case .ints: .ints
      case .strings: .strings
      case .tensors: .tensors
      case .graphs: .graphs
      case .sparseTensors: .sparseTensors
      case .types: .types
      }
    }

    /// A text value.
    public static func text(_ text: String) -> Value { .string(Array(text.utf8)) }

    /// A list of text values.
    public static func texts(_ texts: [String]) -> Value { .strings(texts.map { Array($0.utf8) }) }
  }

  /// `AttributeProto.AttributeType`; numbers that this version doesn't know are kept.
  public struct Kind: RawRepresentable, Sendable, Hashable {
    public var rawValue: Int32

    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let undefined = Kind(rawValue: 0)
    public static let float = Kind(rawValue: 1)
    public static let int = Kind(rawValue: 2)
    public static let string = Kind(rawValue: 3)
    public static let tensor = Kind(rawValue: 4)
    public static let graph = Kind(rawValue: 5)
    public static let floats = Kind(rawValue: 6)
    public static let ints = Kind(rawValue: 7)
    public static let strings = Kind(rawValue: 8)
    public static let tensors = Kind(rawValue: 9)
    public static let graphs = Kind(rawValue: 10)
    public static let sparseTensor = Kind(rawValue: 11)
    public static let sparseTensors = Kind(rawValue: 12)
    public static let type = Kind(rawValue: 13)
    public static let types = Kind(rawValue: 14)
  }
}

extension AttributeProto.Kind: CustomStringConvertible {
  /// The kind's name as ONNX spells it: `FLOAT`, `TYPE_PROTO`...
  public var description: String {
    let names = [
      "UNDEFINED", "FLOAT", "INT", "STRING", "TENSOR", "GRAPH", "FLOATS", "INTS", "STRINGS", "TENSORS",
      "GRAPHS",
      "SPARSE_TENSOR", "SPARSE_TENSORS", "TYPE_PROTO", "TYPE_PROTOS",
    ]
    return names.indices.contains(Int(rawValue)) ? names[Int(rawValue)] : "\(rawValue)"
  }
}

extension AttributeProto.Value {
  /// The graphs the value holds.
  public var graphs: [GraphProto] {
    switch self {
    case .graph(let graph): [graph]
    case .graphs(let graphs): graphs
    default: []
    }
  }
}
