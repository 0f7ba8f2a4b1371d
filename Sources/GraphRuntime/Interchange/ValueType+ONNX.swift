import ONNXParse

extension ValueType {
  /// The type that a message states; nil where it states none, or one that no value here can have (maps, sparse
  /// tensors, opaque types).
  /// - Throws: `GraphError` for an unknown element type or an impossible extent.
  init?(_ proto: TypeProto) throws {
    switch proto.value {
    case .tensor(let tensor):
      guard tensor.elementType != 0 else { return nil }
      guard let elementType = ElementType(rawValue: tensor.elementType) else {
        throw GraphError(.unsupportedType, "element type \(tensor.elementType) is unknown")
      }
      self = .tensor(TensorType(elementType, try tensor.shape.map(Shape.init(onnx:))))
    case .sequence(let sequence): self = .sequence(try sequence.element.flatMap { try ValueType($0) })
    case .optional(let optional): self = .optional(try optional.element.flatMap { try ValueType($0) })
    case .none, .map, .sparseTensor, .opaque: return nil
    }
  }
}

extension Shape {
  /// The extents that a message states; -1, which some exporters write, is an unknown one.
  fileprivate init(onnx proto: TensorShapeProto) throws {
    self = try proto.dimensions.map { dimension in
      switch dimension.extent {
      case .unknown, .value(-1): return .unknown
      case .symbol(let name): return name.isEmpty ? .unknown : .symbol(name)
      case .value(let extent):
        guard let extent = Int(exactly: extent), extent >= 0 else {
          throw GraphError(.shapeMismatch, "a shape has the extent \(extent)")
        }
        return .fixed(extent)
      }
    }
  }
}

extension TypeProto {
  /// The message for a type; an expression in symbols is written as one symbol of its text.
  init(_ type: ValueType) {
    switch type {
    case .tensor(let tensor):
      let shape = tensor.shape.map { shape in
        TensorShapeProto(
          shape.map { dimension in
            switch dimension {
            case .fixed(let extent): TensorShapeProto.Dimension(.value(Int64(extent)))
            case .symbolic(let expression): TensorShapeProto.Dimension(.symbol(expression.description))
            case .unknown: TensorShapeProto.Dimension(.unknown)
            }
          })
      }
      self = .tensor(tensor.elementType, shape)
    case .sequence(let element): self.init(.sequence(.init(of: element.map(TypeProto.init))))
    case .optional(let element): self.init(.optional(.init(of: element.map(TypeProto.init))))
    }
  }
}
