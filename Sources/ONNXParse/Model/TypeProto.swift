/// The type of a value (`TypeProto`).
public struct TypeProto: Sendable, Hashable {
  public var value: Value
  /// What the value means (`IMAGE`, `TENSOR`...).
  public var denotation: String
  public var trace = WireTrace()

  public init(_ value: Value = .none, denotation: String = "") {
    self.value = value
    self.denotation = denotation
  }

  /// A tensor type; `shape` nil where not even the rank is known.
  public static func tensor(_ elementType: ElementType, _ shape: TensorShapeProto?) -> TypeProto {
    TypeProto(.tensor(Tensor(elementType: elementType.rawValue, shape: shape)))
  }

  public indirect enum Value: Sendable, Hashable {
    case none
    case tensor(Tensor)
    case sequence(Sequence)
    case map(Map)
    case optional(Optional)
    case sparseTensor(Tensor)
    case opaque(Opaque)
  }

  /// A dense or sparse tensor.
  public struct Tensor: Sendable, Hashable {
    /// `TensorProto.DataType`.
    public var elementType: Int32
    /// nil where not even the rank is known.
    public var shape: TensorShapeProto?
    public var trace = WireTrace()

    public init(elementType: Int32 = 0, shape: TensorShapeProto? = nil) {
      self.elementType = elementType
      self.shape = shape
    }
  }

  public struct Sequence: Sendable, Hashable {
    public var element: TypeProto?
    public var trace = WireTrace()

    public init(of element: TypeProto? = nil) { self.element = element }
  }

  public struct Map: Sendable, Hashable {
    /// `TensorProto.DataType`: an integer type or string.
    public var keyType: Int32
    public var value: TypeProto?
    public var trace = WireTrace()

    public init(keyType: Int32 = 0, value: TypeProto? = nil) {
      self.keyType = keyType
      self.value = value
    }
  }

  public struct Optional: Sendable, Hashable {
    public var element: TypeProto?
    public var trace = WireTrace()

    public init(of element: TypeProto? = nil) { self.element = element }
  }

  public struct Opaque: Sendable, Hashable {
    public var domain: String
    public var name: String
    public var trace = WireTrace()

    public init(domain: String = "", name: String = "") {
      self.domain = domain
      self.name = name
    }
  }
}

/// The extents of a tensor type, outermost first (`TensorShapeProto`).
public struct TensorShapeProto: Sendable, Hashable {
  public var dimensions: [Dimension]
  public var trace = WireTrace()

  public init(_ dimensions: [Dimension] = []) { self.dimensions = dimensions }

  public struct Dimension: Sendable, Hashable {
    public var extent: Extent
    /// What the dimension means (`DATA_BATCH`, `DATA_CHANNEL`...).
    public var denotation: String
    public var trace = WireTrace()

    public init(_ extent: Extent = .unknown, denotation: String = "") {
      self.extent = extent
      self.denotation = denotation
    }

    public enum Extent: Sendable, Hashable {
      case unknown
      /// `dim_value`.
      case value(Int64)
      /// `dim_param`: a symbol; equal names mean equal extents.
      case symbol(String)
    }
  }
}

/// A named value with its type (`ValueInfoProto`).
public struct ValueInfoProto: Sendable, Hashable {
  public var name: String
  public var type: TypeProto?
  public var docString: String
  public var metadata: [StringStringEntry]
  public var trace = WireTrace()

  public init(
    name: String = "", type: TypeProto? = nil, docString: String = "", metadata: [StringStringEntry] = []
  ) {
    self.name = name
    self.type = type
    self.docString = docString
    self.metadata = metadata
  }
}
