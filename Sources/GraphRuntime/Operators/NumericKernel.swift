import ONNXParse

/// A kernel written once for every numeric element type.
///
/// This file is the one place where element types are told apart at run time: `numeric`, `integral` and `moving` pick
/// the instance of a generic kernel, and `NumericVisitor` does the same for what computes at once.
protocol NumericKernel: SendableMetatype {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws
}

/// A kernel written once for every integer type.
protocol IntegerKernel: SendableMetatype {
  static func prepare<Element: NumericElement & FixedWidthInteger>(
    _ builder: inout KernelBuilder, as: Element.Type) throws
}

/// A kernel that moves elements without reading them; `Element` has their width.
protocol MovingKernel: SendableMetatype {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type) throws
}

/// A computation written once for every numeric element type.
protocol NumericVisitor {
  associatedtype Result
  func visit<Element: NumericElement>(_: Element.Type) throws -> Result
}

typealias PrepareKernel = @Sendable (inout KernelBuilder) throws -> Void

/// The kernel of an operator whose input `deciding` has the type to compute in; float16 and bfloat16 are widened to
/// `Float`, and bool is taken as 0 and 1 where `acceptsBool`.
func numeric<Kernel: NumericKernel>(
  _: Kernel.Type, deciding: Int = 0, acceptsBool: Bool = false
) -> PrepareKernel {
  { builder in
    let type = try builder.input(deciding).elementType
    switch type {
    case .float32, .float16, .bfloat16: try builder.widening { try Kernel.prepare(&$0, as: Float.self) }
    case .float64: try Kernel.prepare(&builder, as: Double.self)
    case .int8: try Kernel.prepare(&builder, as: Int8.self)
    case .int32: try Kernel.prepare(&builder, as: Int32.self)
    case .int64: try Kernel.prepare(&builder, as: Int64.self)
    case .uint8: try Kernel.prepare(&builder, as: UInt8.self)
    case .bool where acceptsBool: try Kernel.prepare(&builder, as: UInt8.self)
    default:
      guard let rare = type.rareInteger else { throw builder.unsupportedType(type) }
      try Kernel.prepare(&builder, as: rare)
    }
  }
}

/// The kernel of an operator on integers.
func integral<Kernel: IntegerKernel>(_: Kernel.Type, deciding: Int = 0) -> PrepareKernel {
  { builder in
    let type = try builder.input(deciding).elementType
    switch type {
    case .int8: try Kernel.prepare(&builder, as: Int8.self)
    case .int32: try Kernel.prepare(&builder, as: Int32.self)
    case .int64: try Kernel.prepare(&builder, as: Int64.self)
    case .uint8: try Kernel.prepare(&builder, as: UInt8.self)
    default:
      guard let rare = type.rareInteger else { throw builder.unsupportedType(type) }
      try Kernel.prepare(&builder, as: rare)
    }
  }
}

/// The kernel of an operator that moves the elements of output 0's type. Sub-byte elements are unpacked to bytes before
/// it and packed after it.
func moving<Kernel: MovingKernel>(_: Kernel.Type) -> PrepareKernel {
  { builder in
    let type = try builder.output().elementType
    switch type.storedWidth {
    case 1: try Kernel.prepare(&builder, as: UInt8.self)
    case 2: try Kernel.prepare(&builder, as: UInt16.self)
    case 4: try Kernel.prepare(&builder, as: UInt32.self)
    case 8: try Kernel.prepare(&builder, as: UInt64.self)
    case 16: try Kernel.prepare(&builder, as: SIMD2<UInt64>.self)
    default: try builder.unpacking { try Kernel.prepare(&$0, as: UInt8.self) }
    }
  }
}

extension ElementType {
  /// Bytes of one element in memory; nil for the types that share a byte. A string is held as its 8-byte handle
  /// (`StringTable`).
  var storedWidth: Int? {
    guard let bitWidth else { return 8 }
    return bitWidth < 8 ? nil : bitWidth / 8
  }

  /// Bytes that `count` elements take in memory, strings as handles; nil on overflow.
  func heldByteCount(of count: Int) -> Int? {
    self == .string ? ElementType.int64.byteCount(of: count) : byteCount(of: count)
  }

  /// Calls `visitor` with the Swift type of a numeric element type; float16 and bfloat16 must be widened before.
  /// - Throws: `GraphError` for the other types.
  func visit<Visitor: NumericVisitor>(_ visitor: Visitor) throws -> Visitor.Result {
    switch self {
    case .float32: return try visitor.visit(Float.self)
    case .float64: return try visitor.visit(Double.self)
    case .int8: return try visitor.visit(Int8.self)
    case .int32: return try visitor.visit(Int32.self)
    case .int64: return try visitor.visit(Int64.self)
    case .uint8: return try visitor.visit(UInt8.self)
    default:
      guard let rareInteger else {
        throw GraphError(.unsupportedType, "element type \(self) is not supported here")
      }
      return try visitor.visit(rareInteger)
    }
  }

  /// The Swift type of the integer types that models hardly use; nil for the others.
  ///
  /// Not inlined: the compiler is not to see which types these are, or it would specialise every kernel for each of
  /// them, which takes long. Unspecialised, they give the same results, slower.
  @inline(never)
  fileprivate var rareInteger: (any (NumericElement & FixedWidthInteger).Type)? {
    switch self {
    case .int16: Int16.self
    case .uint16: UInt16.self
    case .uint32: UInt32.self
    case .uint64: UInt64.self
    default: nil
    }
  }
}
