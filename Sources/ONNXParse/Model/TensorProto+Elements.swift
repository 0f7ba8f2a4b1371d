extension TensorProto {
  /// The element type; nil for `UNDEFINED` and numbers this version doesn't know.
  public var elementType: ElementType? { ElementType(rawValue: dataType) }

  /// The number of elements.
  /// - Throws: `ONNXError` where an extent is negative or the product overflows; an extent of 0 does not excuse the others.
  public func elementCount() throws -> Int {
    var count = 1
    for extent in dims {
      guard extent >= 0 else { throw ONNXError(.tensor, "extent \(extent) in dims \(dims) is negative") }
      let (product, overflow) = count.multipliedReportingOverflow(by: max(Int(extent), 1))
      guard !overflow else { throw ONNXError(.tensor, "dims \(dims) have more elements than can be counted") }
      count = product
    }
    return dims.contains(0) ? 0 : count
  }

  /// Checks that type, dims and data agree.
  /// - Throws: `ONNXError` where they don't.
  func validate() throws { _ = try layout() }

  /// The elements laid out as `raw_data` lays them out: in place for raw, external, float and double data, otherwise
  /// converted from the typed data field.
  /// - Throws: `ONNXError` where type, dims and data don't agree, or external data was not looked up.
  public func elementBytes() throws -> ByteRegion {
    let byteCount = try layout()
    switch payload {
    case .raw(let bytes), .external(let bytes): return bytes
    case .typed(let field, let numbers): return convert(numbers, of: field, byteCount: byteCount)
    case .strings, .none: return ByteRegion([])
    }
  }

  /// The bytes that the elements take, once data and dims are known to agree.
  private func layout() throws -> Int {
    guard let elementType else { throw ONNXError(.tensor, "element type \(dataType) is unknown") }
    let count = try elementCount()
    guard let byteCount = elementType.byteCount(of: count) else {
      throw ONNXError(.tensor, "a tensor \(elementType)\(dims) has no bytes that could be counted")
    }
    switch payload {
    case .raw(let bytes), .external(let bytes):
      guard bytes.count == byteCount else {
        throw ONNXError(
          .tensor, "a tensor \(elementType)\(dims) takes \(byteCount) bytes, but \(bytes.count) are given")
      }
    case .typed(let field, let numbers): try check(numbers, of: field, elementType, count: count)
    case .strings: throw ONNXError(.tensor, "a tensor \(elementType)\(dims) holds its data in string_data")
    case .none:
      guard byteCount > 0 else { break }
      guard dataLocation != Self.externalLocation else {
        throw ONNXError(.externalData, "the external data was not looked up: open the model from its file")
      }
      throw ONNXError(.tensor, "a tensor \(elementType)\(dims) holds no data")
    }
    return byteCount
  }

  /// The elements of a tensor of strings.
  /// - Throws: `ONNXError` where type, dims and data don't agree, or a string is not UTF-8.
  public func stringElements() throws -> [String] {
    guard elementType == .string else {
      throw ONNXError(.tensor, "a tensor of type \(dataType) is not one of strings")
    }
    let count = try elementCount()
    let strings: [[UInt8]]
    switch payload {
    case .strings(let given): strings = given
    case .none where count == 0: strings = []
    default: throw ONNXError(.tensor, "a tensor of strings must hold its data in string_data")
    }
    guard strings.count == count else {
      throw ONNXError(
        .tensor, "a tensor string\(dims) takes \(count) strings, but \(strings.count) are given")
    }
    return try strings.map {
      guard let text = String(validating: $0, as: UTF8.self) else {
        throw ONNXError(.tensor, "a string of the tensor is not UTF-8")
      }
      return text
    }
  }
}

// MARK: - Typed data fields

extension TensorProto {
  private func check(_ numbers: ByteRegion, of field: TypedField, _ elementType: ElementType, count: Int)
    throws
  {
    guard let layout = TypedLayout(elementType), layout.field == field else {
      throw ONNXError(.tensor, "a tensor of \(elementType) can't hold its data in \(field.fieldName)")
    }
    let expected = layout.numberCount(of: count)
    guard numbers.count / field.width == expected else {
      throw ONNXError(
        .tensor,
        "a tensor \(elementType)\(dims) takes \(expected.map(String.init) ?? "too many") numbers in "
          + "\(field.fieldName), but \(numbers.count / field.width) are given")
    }
  }

  /// The numbers of a typed data field, checked before, as elements.
  private func convert(_ numbers: ByteRegion, of field: TypedField, byteCount: Int) -> ByteRegion {
    guard let elementType, let layout = TypedLayout(elementType), layout.storedWidth != field.width else {
      return numbers
    }
    let packed = narrow(numbers, from: field.width, to: layout.storedWidth)
    return elementType.bitWidth == 6 ? packSixBits(packed, byteCount: byteCount) : packed
  }

  /// The low `width` bytes of each number.
  private func narrow(_ numbers: ByteRegion, from fieldWidth: Int, to width: Int) -> ByteRegion {
    let count = numbers.count / fieldWidth
    return numbers.withUnsafeBytes { source in
      ByteRegion(count: count * width) { target in
        for index in 0..<count {
          for byte in 0..<width { target[index * width + byte] = source[index * fieldWidth + byte] }
        }
      }
    }
  }

  /// Codes of 6 bits, one a byte, as one stream of bits, lowest first.
  private func packSixBits(_ codes: ByteRegion, byteCount: Int) -> ByteRegion {
    codes.withUnsafeBytes { source in
      ByteRegion(count: byteCount) { target in
        target.initializeMemory(as: UInt8.self, repeating: 0)
        for index in 0..<source.count {
          let (byte, shift) = (index * 6).quotientAndRemainder(dividingBy: 8)
          let code = UInt16(source[index] & 0x3F) << UInt16(shift)
          target[byte] |= UInt8(truncatingIfNeeded: code)
          if shift > 2 { target[byte + 1] |= UInt8(code >> 8) }
        }
      }
    }
  }
}

/// How a typed data field holds the elements of a type.
struct TypedLayout {
  let field: TensorProto.TypedField
  /// Bytes of each number that carry elements.
  let storedWidth: Int
  /// Numbers an element takes (two for complex ones), or elements a number holds where sub-byte types are packed.
  let numbersPerElement: Int
  let elementsPerNumber: Int

  /// nil for strings, which no numeric field holds.
  init?(_ elementType: ElementType) {
    var numbersPerElement = 1
    var elementsPerNumber = 1
    switch elementType {
    case .float32: (field, storedWidth) = (.float, 4)
    case .complex64: (field, storedWidth, numbersPerElement) = (.float, 4, 2)
    case .float64: (field, storedWidth) = (.double, 8)
    case .complex128: (field, storedWidth, numbersPerElement) = (.double, 8, 2)
    case .int64: (field, storedWidth) = (.int64, 8)
    case .uint64: (field, storedWidth) = (.uint64, 8)
    case .uint32: (field, storedWidth) = (.uint64, 4)
    case .int32: (field, storedWidth) = (.int32, 4)
    case .int16, .uint16, .float16, .bfloat16: (field, storedWidth) = (.int32, 2)
    case .int8, .uint8, .bool, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz, .float8e8m0,
      .float6e2m3, .float6e3m2:
      (field, storedWidth) = (.int32, 1)
    case .int4, .uint4, .float4e2m1: (field, storedWidth, elementsPerNumber) = (.int32, 1, 2)
    case .int2, .uint2: (field, storedWidth, elementsPerNumber) = (.int32, 1, 4)
    case .string: return nil
    }
    self.numbersPerElement = numbersPerElement
    self.elementsPerNumber = elementsPerNumber
  }

  /// The numbers that `count` elements take; nil on overflow.
  func numberCount(of count: Int) -> Int? {
    let (numbers, overflow) = count.multipliedReportingOverflow(by: numbersPerElement)
    return overflow ? nil : numbers / elementsPerNumber + (numbers % elementsPerNumber == 0 ? 0 : 1)
  }
}

extension TensorProto.TypedField {
  /// The field's name in the schema.
  var fieldName: String {
    switch self {
    case .float: "float_data"
    case .int32: "int32_data"
    case .int64: "int64_data"
    case .double: "double_data"
    case .uint64: "uint64_data"
    }
  }
}
