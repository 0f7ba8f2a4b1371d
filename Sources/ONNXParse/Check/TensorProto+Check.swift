extension TensorProto {
  /// Checks that type, dims and data agree, and external data with its checksum where it has one.
  func check(_ context: CheckContext) throws {
    guard segment == nil else {
      throw ONNXError(.tensor, "the tensor is a segment, which the standard reserves")
    }
    if dataLocation == Self.externalLocation {
      try checkExternalData(context)
    } else if dataLocation != 0 {
      throw ONNXError(.tensor, "data_location \(dataLocation) is unknown")
    }
    if elementType == .string { _ = try stringElements() } else { try validate() }
  }

  private func checkExternalData(_ context: CheckContext) throws {
    let reference = try ExternalDataReference(externalData)
    guard case .external(let bytes) = payload else {
      throw ONNXError(.externalData, "the external data was not looked up: open the model from its file")
    }
    guard let checksum = reference.checksum, !checksum.isEmpty, let file = bytes.owner as? MappedFile else {
      return
    }
    let actual = context.checksums.checksum(of: file)
    guard actual == checksum.lowercased() else {
      throw ONNXError(
        .externalData, "file '\(reference.location)' has SHA-1 \(actual), but the model expects \(checksum)")
    }
  }
}

extension SparseTensorProto {
  /// Checks that values, indices and dims agree, and that the indices are in ascending order.
  func check(_ context: CheckContext) throws {
    guard let values else { throw ONNXError(.tensor, "the sparse tensor has no values") }
    try located("values") { try values.check(context) }
    guard values.dims.count == 1 else {
      throw ONNXError(.tensor, "the values of a sparse tensor have one axis, but dims are \(values.dims)")
    }
    guard !dims.isEmpty, dims.allSatisfy({ $0 > 0 }) else {
      throw ONNXError(.tensor, "the dims of a sparse tensor are positive, but are \(dims)")
    }
    let size = try TensorProto(dims: dims).elementCount()
    guard let indices else {
      guard values.dims[0] == 0 else {
        throw ONNXError(.tensor, "the sparse tensor has values, but no indices")
      }
      return
    }
    try located("indices") {
      try indices.check(context)
      try check(indices, size: size, count: values.dims[0])
    }
  }

  private func check(_ indices: TensorProto, size: Int, count: Int64) throws {
    guard indices.elementType == .int64 else { throw ONNXError(.tensor, "the indices must be of type int64") }
    let rank = Int64(dims.count)
    guard indices.dims == [count] || indices.dims == [count, rank] else {
      throw ONNXError(.tensor, "indices are [\(count)] or [\(count), \(rank)], but dims are \(indices.dims)")
    }
    let isLinear = indices.dims.count == 1
    try indices.elementBytes().withUnsafeBytes { bytes in
      var previous: Int64 = -1
      for entry in 0..<Int(count) {
        let linear =
          isLinear
          ? bytes.loadUnaligned(fromByteOffset: 8 * entry, as: Int64.self)
          : try linearIndex(bytes, entry: entry)
        guard linear >= 0, linear < size else {
          throw ONNXError(
            .tensor, "index \(linear) of entry \(entry) is outside the tensor of \(size) elements")
        }
        guard linear > previous else {
          throw ONNXError(.tensor, "the indices are not in ascending order at entry \(entry)")
        }
        previous = linear
      }
    }
  }

  /// The linear index of an entry whose index has one number an axis.
  private func linearIndex(_ bytes: UnsafeRawBufferPointer, entry: Int) throws -> Int64 {
    var linear: Int64 = 0
    for (axis, extent) in dims.enumerated() {
      let index = bytes.loadUnaligned(fromByteOffset: 8 * (entry * dims.count + axis), as: Int64.self)
      guard index >= 0, index < extent else {
        throw ONNXError(
          .tensor, "index \(index) of entry \(entry) is outside axis \(axis) of \(extent) elements")
      }
      linear = linear * extent + index
    }
    return linear
  }
}
