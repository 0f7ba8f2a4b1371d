import ONNXParse

/// A constant or computed tensor: immutable elements of one type under a concrete shape.
///
/// Elements are held as ONNX's `raw_data` holds them (little-endian, sub-byte types packed, row-major), in memory
/// that may be a stretch of a mapped file; strings are held apart.
public struct Tensor: Sendable {
  public let elementType: ElementType
  /// Extents, outermost first; empty for a scalar.
  public let shape: [Int]
  private let storage: Storage

  private enum Storage: Sendable {
    case bytes(ByteRegion)
    case strings([String])
    case deferred(DeferredBytes)
  }

  /// The number of elements.
  public var count: Int { shape.elementCount! }

  /// A tensor over `bytes`; those of a tensor of `bool` count as true where they are not 0.
  /// - Throws: `GraphError` when the shape overflows or the byte count does not match it.
  public init(_ elementType: ElementType, shape: [Int], bytes: ByteRegion) throws {
    guard let count = shape.elementCount, let expected = elementType.byteCount(of: count) else {
      throw GraphError(.invalidTensor, "a tensor \(elementType)\(shape) can't be represented")
    }
    guard bytes.count == expected else {
      throw GraphError(
        .invalidTensor,
        "a tensor \(elementType)\(shape) takes \(expected) bytes, but \(bytes.count) are given")
    }
    self.elementType = elementType
    self.shape = shape
    storage = .bytes(elementType == .bool ? bytes.normalizedBooleans : bytes)
  }

  /// A tensor of strings.
  public init(shape: [Int], strings: [String]) throws {
    guard shape.elementCount == strings.count else {
      throw GraphError(.invalidTensor, "a tensor string\(shape) can't hold \(strings.count) elements")
    }
    elementType = .string
    self.shape = shape
    storage = .strings(strings)
  }

  /// A tensor of `elements` in row-major order; their count must be that of `shape`.
  public init<Element: TensorElement>(_ elements: [Element], shape: [Int]) {
    precondition(shape.elementCount == elements.count, "element count does not match the shape")
    elementType = Element.elementType
    self.shape = shape
    storage = .bytes(elements.withUnsafeBytes { ByteRegion(copying: $0) })
  }

  /// A scalar.
  public init<Element: TensorElement>(scalar: Element) { self.init([scalar], shape: []) }

  /// A new tensor that `initialize` fills: it gets zeroed memory for all elements.
  public init<Element: TensorElement>(
    _ type: Element.Type = Element.self, shape: [Int],
    initializingWith initialize: (UnsafeMutableBufferPointer<Element>) throws -> Void
  ) rethrows {
    let count = shape.elementCount!
    elementType = Element.elementType
    self.shape = shape
    storage = .bytes(
      try ByteRegion(count: count * MemoryLayout<Element>.stride) { bytes in
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        try initialize(bytes.bindMemory(to: Element.self))
      })
  }

  /// A tensor whose elements are made where they are used; as many bytes as the shape takes.
  init(_ elementType: ElementType, shape: [Int], deferred: DeferredBytes) {
    self.elementType = elementType
    self.shape = shape
    storage = .deferred(deferred)
  }

  /// A tensor without elements.
  init(empty type: TensorType, shape: [Int]) throws {
    if type.elementType == .string {
      try self.init(shape: shape, strings: [])
    } else {
      try self.init(type.elementType, shape: shape, bytes: ByteRegion([]))
    }
  }

  /// The same elements under another shape of as many elements.
  public func reshaped(to shape: [Int]) throws -> Tensor {
    switch storage {
    case .bytes(let bytes): try Tensor(elementType, shape: shape, bytes: bytes)
    case .strings(let strings): try Tensor(shape: shape, strings: strings)
    case .deferred(let deferred): try Tensor(elementType, shape: shape, bytes: deferred.region)
    }
  }

  /// The elements' memory, made now where it is not there yet; nil for strings.
  public var bytes: ByteRegion? {
    switch storage {
    case .bytes(let region): region
    case .strings: nil
    case .deferred(let deferred): deferred.region
    }
  }

  /// The elements where they are made only when they are used.
  var deferred: DeferredBytes? { if case .deferred(let deferred) = storage { deferred } else { nil } }

  /// The elements of a tensor of strings; nil for the other types.
  public var strings: [String]? { if case .strings(let strings) = storage { strings } else { nil } }

  /// Calls `body` with the elements, copied first where the file left them unaligned.
  /// - Precondition: `Element` is the tensor's element type.
  public func withUnsafeElements<Element: TensorElement, Result>(
    of type: Element.Type = Element.self, _ body: (UnsafeBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    precondition(Element.elementType == elementType, "a \(elementType) tensor read as \(Element.elementType)")
    return try aligned.bytes!.withUnsafeBytes { try body($0.bindMemory(to: Element.self)) }
  }

  /// The elements as an array.
  /// - Precondition: `Element` is the tensor's element type.
  public func elements<Element: TensorElement>(_ type: Element.Type = Element.self) -> [Element] {
    withUnsafeElements(of: type) { Array($0) }
  }

  /// This tensor with its elements in memory, at a multiple of their size: itself, or a copy.
  public var aligned: Tensor {
    guard !isAligned, let region = bytes else { return self }
    if case .deferred = storage { return Tensor(unchecked: elementType, shape: shape, bytes: region) }
    return region.withUnsafeBytes { source in
      let copy = ByteRegion(transient: source.count) { $0.copyMemory(from: source) }
      return Tensor(unchecked: elementType, shape: shape, bytes: copy)
    }
  }

  /// Whether the elements are in memory, at a multiple of their size.
  var isAligned: Bool {
    switch storage {
    case .bytes(let region): region.isAligned(to: min(16, max(1, (elementType.bitWidth ?? 8) / 8)))
    case .strings: true
    case .deferred: false
    }
  }

  /// A tensor over as many bytes as the shape takes.
  private init(unchecked elementType: ElementType, shape: [Int], bytes: ByteRegion) {
    self.elementType = elementType
    self.shape = shape
    storage = .bytes(bytes)
  }
}

/// A Swift type whose memory is that of an ONNX element type.
public protocol TensorElement: BitwiseCopyable, Sendable {
  static var elementType: ElementType { get }
}

extension Float: TensorElement { public static var elementType: ElementType { .float32 } }
extension Double: TensorElement { public static var elementType: ElementType { .float64 } }
extension Float16: TensorElement { public static var elementType: ElementType { .float16 } }
extension Int8: TensorElement { public static var elementType: ElementType { .int8 } }
extension Int16: TensorElement { public static var elementType: ElementType { .int16 } }
extension Int32: TensorElement { public static var elementType: ElementType { .int32 } }
extension Int64: TensorElement { public static var elementType: ElementType { .int64 } }
extension UInt8: TensorElement { public static var elementType: ElementType { .uint8 } }
extension UInt16: TensorElement { public static var elementType: ElementType { .uint16 } }
extension UInt32: TensorElement { public static var elementType: ElementType { .uint32 } }
extension UInt64: TensorElement { public static var elementType: ElementType { .uint64 } }
extension Bool: TensorElement { public static var elementType: ElementType { .bool } }

extension ByteRegion {
  /// The bytes with everything but 0 made 1: any other byte in a Swift `Bool` is undefined behaviour.
  fileprivate var normalizedBooleans: ByteRegion {
    withUnsafeBytes { source in
      if source.allSatisfy({ $0 <= 1 }) { return self }
      return ByteRegion(count: count) { target in
        for index in 0..<count { target[index] = source[index] == 0 ? 0 : 1 }
      }
    }
  }
}

extension Tensor: CustomStringConvertible {
  public var description: String { "\(elementType)\(shape)" }
}

extension Tensor {
  /// The elements of an integer tensor as `Int`; nil for other types.
  public var integers: [Int]? {
    switch elementType {
    case .int64: elements(Int64.self).map { Int($0) }
    case .int32: elements(Int32.self).map { Int($0) }
    case .int16: elements(Int16.self).map { Int($0) }
    case .int8: elements(Int8.self).map { Int($0) }
    case .uint8: elements(UInt8.self).map { Int($0) }
    case .uint16: elements(UInt16.self).map { Int($0) }
    case .uint32: elements(UInt32.self).map { Int($0) }
    default: nil
    }
  }

  /// The type of the tensor, every extent known.
  public var type: TensorType { TensorType(elementType, Shape(shape)) }
}
