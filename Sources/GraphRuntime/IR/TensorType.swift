import ONNXParse

@_exported import enum ONNXParse.ElementType

/// How the elements of a tensor lie in memory.
public enum Layout: Sendable, Hashable {
  /// The last axis fastest: what ONNX means by a tensor.
  case rowMajor
  /// [N, ceil(C/16), H, W, 16]: channels in blocks of 16, the last block filled up; the kernels decide how far apart blocks lie. Only the planner makes it.
  case channelBlocked16
  /// [N, ceil(C/32), H, W, 16, 2]: floats rounded to bfloat16, channels i and i + 16 of a block of 32 beside each other.
  /// Only the planner makes it.
  case channelPaired32
}

/// The type of a tensor value: element type, shape where the rank is known, and layout.
public struct TensorType: Sendable, Hashable {
  public var elementType: ElementType
  /// nil where not even the rank is known.
  public var shape: Shape?
  public var layout: Layout

  public init(_ elementType: ElementType, _ shape: Shape?, layout: Layout = .rowMajor) {
    self.elementType = elementType
    self.shape = shape
    self.layout = layout
  }

  /// The extents where all are numbers.
  public var concreteShape: [Int]? { shape?.concrete }

  /// Whether a tensor of the type is known to have no elements: nothing is to be computed for it, however large its other
  /// extents are.
  var isEmpty: Bool { concreteShape?.elementCount == 0 }
}

extension TensorType: CustomStringConvertible {
  /// `float[N, 3, 224, 224]`; `float[...]` where the rank is not known.
  public var description: String {
    "\(elementType)[\(shape.map { $0.map(\.description).joined(separator: ", ") } ?? "...")]"
  }
}

/// The type of any ONNX value.
public indirect enum ValueType: Sendable, Hashable {
  case tensor(TensorType)
  case sequence(ValueType?)
  case optional(ValueType?)

  public var tensor: TensorType? { if case .tensor(let type) = self { type } else { nil } }
}

extension ValueType: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tensor(let type): type.description
    case .sequence(let element): "sequence(\(element?.description ?? "?"))"
    case .optional(let element): "optional(\(element?.description ?? "?"))"
    }
  }
}
