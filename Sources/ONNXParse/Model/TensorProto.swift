/// A tensor as a file holds it (`TensorProto`); its bytes may lie in the mapped file.
public struct TensorProto: Sendable, Hashable {
  public var dims: [Int64]
  /// `TensorProto.DataType`; `elementType` gives it as a Swift type.
  public var dataType: Int32
  /// The stretch of a larger tensor that this one holds; the standard reserves it, and no producer uses it.
  public var segment: Segment?
  public var payload: Payload
  public var name: String
  public var docString: String
  /// Where external data lies: `location`, `offset`, `length`, `checksum`.
  public var externalData: [StringStringEntry]
  /// `TensorProto.DataLocation`: 0 where the message holds the data, 1 where another file does.
  public var dataLocation: Int32
  public var metadata: [StringStringEntry]
  public var trace = WireTrace()

  public init(
    name: String = "", dims: [Int64] = [], dataType: Int32 = 0, payload: Payload = .none,
    docString: String = "",
    segment: Segment? = nil, externalData: [StringStringEntry] = [], dataLocation: Int32 = 0,
    metadata: [StringStringEntry] = []
  ) {
    self.name = name
    self.dims = dims
    self.dataType = dataType
    self.payload = payload
    self.docString = docString
    self.segment = segment
    self.externalData = externalData
    self.dataLocation = dataLocation
    self.metadata = metadata
  }

  /// A tensor of `raw` elements (little-endian, sub-byte types packed).
  public init(name: String = "", _ elementType: ElementType, dims: [Int], raw: ByteRegion) {
    self.init(name: name, dims: dims.map(Int64.init), dataType: elementType.rawValue, payload: .raw(raw))
  }

  /// A tensor of strings.
  public init(name: String = "", dims: [Int], strings: [String]) {
    self.init(
      name: name, dims: dims.map(Int64.init), dataType: ElementType.string.rawValue,
      payload: .strings(strings.map { Array($0.utf8) }))
  }

  /// Where the elements are.
  public enum Payload: Sendable, Hashable {
    /// No data field: a tensor without elements, or external data not looked up yet.
    case none
    /// `raw_data`: elements in little-endian order, sub-byte types packed.
    case raw(ByteRegion)
    /// One of the typed data fields; numbers in little-endian order at the width of the field, one behind the other.
    case typed(TypedField, ByteRegion)
    /// `string_data`.
    case strings([[UInt8]])
    /// The bytes that `externalData` points to, laid out as in `raw_data`.
    case external(ByteRegion)
  }

  /// The fields that hold numbers apart from `raw_data`; raw values are their field numbers.
  public enum TypedField: Int, Sendable, Hashable, CaseIterable {
    /// `float_data`: float, and complex64 in pairs.
    case float = 4
    /// `int32_data`: integers up to 32 bits, bool, and the bits of float16, bfloat16 and narrower types.
    case int32 = 5
    /// `int64_data`.
    case int64 = 7
    /// `double_data`: double, and complex128 in pairs.
    case double = 10
    /// `uint64_data`: uint32 and uint64.
    case uint64 = 11

    /// Bytes that one number of the field takes.
    public var width: Int {
      switch self {
      case .float, .int32: 4
      case .int64, .double, .uint64: 8
      }
    }
  }

  /// The stretch of a larger tensor (`TensorProto.Segment`).
  public struct Segment: Sendable, Hashable {
    public var begin: Int64
    public var end: Int64
    public var trace = WireTrace()

    public init(begin: Int64 = 0, end: Int64 = 0) {
      self.begin = begin
      self.end = end
    }
  }
}

/// A sparse tensor in coordinate form (`SparseTensorProto`).
public struct SparseTensorProto: Sendable, Hashable {
  /// The values, [nonzeros]; its name is the name of the sparse tensor.
  public var values: TensorProto?
  /// Where they stand: [nonzeros] linear or [nonzeros, rank] indices, ascending.
  public var indices: TensorProto?
  public var dims: [Int64]
  public var trace = WireTrace()

  public init(values: TensorProto? = nil, indices: TensorProto? = nil, dims: [Int64] = []) {
    self.values = values
    self.indices = indices
    self.dims = dims
  }
}
