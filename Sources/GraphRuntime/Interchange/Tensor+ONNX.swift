import ONNXParse

extension Tensor {
  /// The tensor of a message; raw, external, float and double data are used where they are, the rest is converted.
  /// - Throws: `GraphError` where type, dims and data don't agree.
  public init(_ proto: TensorProto) throws {
    do {
      let shape = try proto.dims.map { extent in
        guard let extent = Int(exactly: extent) else {
          throw GraphError(.invalidTensor, "extent \(extent) is too large")
        }
        return extent
      }
      if proto.elementType == .string {
        try self.init(shape: shape, strings: try proto.stringElements())
      } else {
        guard let elementType = proto.elementType else {
          throw GraphError(.invalidTensor, "element type \(proto.dataType) is unknown")
        }
        try self.init(elementType, shape: shape, bytes: try proto.elementBytes())
      }
    } catch let error as ONNXError {
      throw GraphError(.invalidTensor, error.description)
    }
  }

  /// More bytes than a sparse tensor may grow to: a file of a few bytes could ask for any amount.
  private static let largestDenseByteCount = 1 << 30

  /// The dense form of a sparse tensor in coordinate form.
  /// - Throws: `GraphError` where an index lies outside the shape, or the dense form would be too large.
  public init(_ proto: SparseTensorProto) throws {
    guard let valuesProto = proto.values else {
      throw GraphError(.invalidTensor, "a sparse tensor lacks its values")
    }
    let values = try Tensor(valuesProto)
    let shape = proto.dims.map { Int($0) }
    guard let bytes = values.bytes, let bitWidth = values.elementType.bitWidth, bitWidth % 8 == 0 else {
      throw GraphError(.unsupportedType, "a sparse tensor of \(values.elementType) is not supported")
    }
    guard let count = shape.elementCount, let byteCount = values.elementType.byteCount(of: count),
      byteCount <= Self.largestDenseByteCount
    else {
      throw GraphError(
        .limitExceeded, "a sparse tensor \(values.elementType)\(shape) is too large to be made dense")
    }
    let indices = try Self.linearIndices(of: proto, shape: shape, elementCount: count, nonzeros: values.count)
    let width = bitWidth / 8
    let dense = bytes.withUnsafeBytes { source in
      ByteRegion(count: byteCount) { target in
        target.initializeMemory(as: UInt8.self, repeating: 0)
        for (position, index) in indices.enumerated() {
          target.baseAddress!.advanced(by: index * width)
            .copyMemory(from: source.baseAddress!.advanced(by: position * width), byteCount: width)
        }
      }
    }
    try self.init(values.elementType, shape: shape, bytes: dense)
  }

  /// Where the values stand in the dense tensor, in row-major order.
  private static func linearIndices(
    of proto: SparseTensorProto, shape: [Int], elementCount: Int, nonzeros: Int
  ) throws -> [Int] {
    guard nonzeros > 0 else { return [] }
    guard let indicesProto = proto.indices else {
      throw GraphError(.invalidTensor, "a sparse tensor lacks its indices")
    }
    let indices = try Tensor(indicesProto)
    guard let numbers = indices.integers else {
      throw GraphError(.invalidTensor, "the indices of a sparse tensor are \(indices), not integers")
    }
    let linear: [Int]
    if indices.shape == [nonzeros] {
      linear = numbers
    } else if indices.shape == [nonzeros, shape.count] {
      let strides = shape.rowMajorStrides
      linear = try (0..<nonzeros).map { row in
        try zip(shape.indices, strides).reduce(0) { sum, axis in
          let number = numbers[row * shape.count + axis.0]
          guard (0..<shape[axis.0]).contains(number) else {
            throw GraphError(
              .invalidTensor, "a sparse tensor of shape \(shape) has the index \(number) on axis \(axis.0)")
          }
          return sum + number * axis.1
        }
      }
    } else {
      throw GraphError(.invalidTensor, "\(nonzeros) sparse values have indices of shape \(indices.shape)")
    }
    for index in linear where !(0..<elementCount).contains(index) {
      throw GraphError(.invalidTensor, "a sparse tensor of shape \(shape) has the index \(index)")
    }
    return linear
  }
}

extension TensorProto {
  /// The message for a tensor; its elements are not copied.
  public init(_ tensor: Tensor, name: String = "") {
    if let strings = tensor.strings {
      self.init(name: name, dims: tensor.shape, strings: strings)
    } else {
      self.init(name: name, tensor.elementType, dims: tensor.shape, raw: tensor.bytes ?? ByteRegion([]))
    }
  }
}
