import GraphRuntime
import ONNXParse

/// NumPy's `.npy` files: one array each.
///
/// Format versions 1 to 3 are read, in either byte order and either order of the axes; version 1 (or 3, for a header
/// that needs it) is written, little-endian and row-major. `bfloat16` is `V2`, as the ml_dtypes package writes it.
public enum NPY {
  /// Reads a file.
  /// - Throws: `FileError` that says what is wrong with the file.
  public static func read(from path: String) throws -> Tensor {
    try decode(ByteRegion(contentsOf: path), name: path)
  }

  /// Reads a file's bytes; `name` is for messages. An array that lies as tensors do is used in place.
  public static func decode(_ bytes: ByteRegion, name: String) throws -> Tensor {
    let header = try NPYHeader(bytes, name: name)
    guard let count = header.shape.elementCount,
      let byteCount = header.dtype.elementType.byteCount(of: count)
    else { throw FileError(name, "the shape \(header.shape) is too large") }
    guard bytes.count - header.length == byteCount else {
      throw FileError(
        name,
        "holds \(bytes.count - header.length) bytes of data, but its header states "
          + "\(header.dtype.elementType)\(header.shape), \(byteCount) bytes")
    }
    var data = bytes[header.length..<bytes.count]
    if header.dtype.isBigEndian { data = data.byteSwapped(width: header.dtype.wordBytes) }
    if header.isFortranOrder {
      data = data.transposedFromFortran(header.shape, elementBytes: header.dtype.elementBytes)
    }
    do {
      return try Tensor(header.dtype.elementType, shape: header.shape, bytes: data)
    } catch let error as GraphError { throw FileError(name, error.message) }
  }

  /// Writes a file, which takes its name only when it is whole.
  /// - Throws: `FileError` where the element type has no counterpart in NumPy.
  public static func write(_ tensor: Tensor, to path: String) throws {
    let (header, data) = try encoded(tensor, name: path)
    try AtomicFile.write(to: path) { file in
      try file.write(header)
      try data.withUnsafeBytes { try file.write($0) }
    }
  }

  /// The two parts of the file that `write` writes: the header, a multiple of 64 bytes, and the elements.
  static func encoded(_ tensor: Tensor, name: String) throws -> (header: [UInt8], data: ByteRegion) {
    guard let dtype = DType(tensor.elementType), let data = tensor.bytes else {
      throw FileError(name, "NumPy has no element type for \(tensor.elementType)")
    }
    return (NPYHeader.encoded(dtype, shape: tensor.shape), data)
  }
}

/// An element type as NumPy spells it: `<f4`, `|b1`, `>i8`.
struct DType: Equatable {
  let elementType: ElementType
  let isBigEndian: Bool

  private static let codes: [(code: String, type: ElementType)] = [
    ("b1", .bool), ("i1", .int8), ("i2", .int16), ("i4", .int32), ("i8", .int64), ("u1", .uint8),
    ("u2", .uint16),
    ("u4", .uint32), ("u8", .uint64), ("f2", .float16), ("f4", .float32), ("f8", .float64),
    ("c8", .complex64),
    ("c16", .complex128), ("V2", .bfloat16),
  ]

  /// Reads `descr`; nil for what tensors can't hold (strings, objects, records).
  init?(_ description: String) {
    guard let order = description.first, "<>|=".contains(order),
      let entry = Self.codes.first(where: { $0.code == description.dropFirst() })
    else { return nil }
    elementType = entry.type
    isBigEndian = order == ">"
  }

  init?(_ elementType: ElementType) {
    guard Self.codes.contains(where: { $0.type == elementType }) else { return nil }
    self.elementType = elementType
    isBigEndian = false
  }

  var elementBytes: Int { (elementType.bitWidth ?? 8) / 8 }

  /// Bytes of what is swapped as one: half of a complex number.
  var wordBytes: Int {
    elementType == .complex64 || elementType == .complex128 ? elementBytes / 2 : elementBytes
  }

  var description: String {
    let code = Self.codes.first { $0.type == elementType }!.code
    return (elementBytes == 1 ? "|" : "<") + code
  }
}

extension ByteRegion {
  /// The bytes with the order reversed in every `width` of them.
  fileprivate func byteSwapped(width: Int) -> ByteRegion {
    guard width > 1 else { return self }
    return ByteRegion(count: count) { target in
      withUnsafeBytes { source in
        for start in stride(from: 0, to: count, by: width) {
          for offset in 0..<width { target[start + offset] = source[start + width - 1 - offset] }
        }
      }
    }
  }

  /// The elements of an array whose first axis is the fastest, put in row-major order.
  fileprivate func transposedFromFortran(_ shape: [Int], elementBytes: Int) -> ByteRegion {
    guard shape.count > 1, count > 0 else { return self }
    var strides: [Int] = []
    var stride = elementBytes
    for extent in shape {
      strides.append(stride)
      stride *= extent
    }
    return ByteRegion(count: count) { target in
      withUnsafeBytes { source in
        var index = [Int](repeating: 0, count: shape.count)
        var place = 0
        for element in Swift.stride(from: 0, to: count, by: elementBytes) {
          target.baseAddress!.advanced(by: element)
            .copyMemory(from: source.baseAddress!.advanced(by: place), byteCount: elementBytes)
          // One step of the odometer, from the last axis up.
          var axis = shape.count - 1
          while axis >= 0 {
            index[axis] += 1
            place += strides[axis]
            if index[axis] < shape[axis] { break }
            place -= strides[axis] * shape[axis]
            index[axis] = 0
            axis -= 1
          }
        }
      }
    }
  }
}
