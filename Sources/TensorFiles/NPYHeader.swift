import ONNXParse

/// What stands before an array's elements: a magic number, a version, and a Python dictionary in text.
struct NPYHeader {
  let dtype: DType
  let isFortranOrder: Bool
  let shape: [Int]
  /// Bytes up to the first element.
  let length: Int

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// More than any array of 64 axes needs.
  private static let maximumTextLength = 1 << 16

  init(_ bytes: ByteRegion, name: String) throws {
    let (text, length) = try bytes.withUnsafeBytes { try Self.text(in: $0, name: name) }
    self.length = length
    var parser = PythonLiteralParser(text)
    guard let fields = parser.parseDictionary() else {
      throw FileError(name, "the header of the array can't be read")
    }
    guard case .string(let description)? = fields["descr"], let dtype = DType(description) else {
      throw FileError(name, "the array's element type (\(fields["descr"]?.text ?? "none")) is not supported")
    }
    guard case .bool(let isFortranOrder)? = fields["fortran_order"],
      case .tuple(let shape)? = fields["shape"],
      shape.count <= 64
    else { throw FileError(name, "the header of the array lacks its shape or order") }
    self.dtype = dtype
    self.isFortranOrder = isFortranOrder
    self.shape = shape
  }

  /// The dictionary's text, and where the elements start.
  private static func text(in bytes: UnsafeRawBufferPointer, name: String) throws -> ([UInt8], Int) {
    guard bytes.count >= 10, bytes.starts(with: magic) else { throw FileError(name, "not a NumPy array") }
    let version = bytes[6]
    guard (1...3).contains(version) else { throw FileError(name, "NumPy format \(version) is not known") }
    let start = version == 1 ? 10 : 12
    guard bytes.count >= start else { throw FileError(name, "the array ends in its header") }
    let length =
      version == 1
      ? Int(bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self).littleEndian)
      : Int(bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self).littleEndian)
    guard length <= maximumTextLength, length <= bytes.count - start else {
      throw FileError(name, "the array ends in its header")
    }
    return (Array(bytes[start..<start + length]), start + length)
  }

  /// The bytes of a header, filled up with blanks so that the elements start at a multiple of 64.
  static func encoded(_ dtype: DType, shape: [Int]) -> [UInt8] {
    let extents = shape.map(String.init).joined(separator: ", ")
    let tuple = shape.count == 1 ? "(\(extents),)" : "(\(extents))"
    let text = "{'descr': '\(dtype.description)', 'fortran_order': False, 'shape': \(tuple), }"
    // 64 axes of 20 digits keep far below the 65535 bytes that version 1 allows.
    let length = (10 + text.utf8.count + 1 + 63) / 64 * 64 - 10
    var bytes = magic + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)]
    bytes += Array(text.utf8)
    bytes += [UInt8](repeating: 0x20, count: length - 1 - text.utf8.count)
    bytes.append(0x0A)
    return bytes
  }
}

/// Reads the one Python literal that array headers hold: a dictionary of strings, truth values and tuples of integers.
struct PythonLiteralParser {
  enum Value: Equatable {
    case string(String)
    case bool(Bool)
    case tuple([Int])

    var text: String {
      switch self {
      case .string(let value): value
      case .bool(let value): value ? "True" : "False"
      case .tuple(let value): "\(value)"
      }
    }
  }

  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The dictionary; nil where the text is anything else.
  mutating func parseDictionary() -> [String: Value]? {
    var fields: [String: Value] = [:]
    guard take("{") else { return nil }
    while !take("}") {
      guard let key = parseString(), take(":"), let value = parseValue(),
        fields.updateValue(value, forKey: key) == nil
      else { return nil }
      if !take(",") {
        guard take("}") else { return nil }
        break
      }
    }
    skipBlanks()
    return position == bytes.count ? fields : nil
  }

  private mutating func parseValue() -> Value? {
    if take("True") { return .bool(true) }
    if take("False") { return .bool(false) }
    if let string = parseString() { return .string(string) }
    return parseTuple().map(Value.tuple)
  }

  private mutating func parseString() -> String? {
    skipBlanks()
    guard position < bytes.count, bytes[position] == 0x27 || bytes[position] == 0x22 else { return nil }
    let quote = bytes[position]
    guard let end = bytes[(position + 1)...].firstIndex(of: quote) else { return nil }
    let content = bytes[position + 1..<end]
    // Names and type codes have no escapes.
    guard !content.contains(0x5C) else { return nil }
    position = end + 1
    return String(decoding: content, as: UTF8.self)
  }

  private mutating func parseTuple() -> [Int]? {
    guard take("(") else { return nil }
    var elements: [Int] = []
    while !take(")") {
      guard let element = parseInteger() else { return nil }
      elements.append(element)
      if !take(",") { return take(")") ? elements : nil }
    }
    return elements
  }

  private mutating func parseInteger() -> Int? {
    skipBlanks()
    var end = position
    while end < bytes.count, (0x30...0x39).contains(bytes[end]) { end += 1 }
    guard let value = Int(String(decoding: bytes[position..<end], as: UTF8.self)) else { return nil }
    position = end
    // Python 2 marked long integers.
    if position < bytes.count, bytes[position] == 0x4C { position += 1 }
    return value
  }

  private mutating func take(_ token: String) -> Bool {
    skipBlanks()
    guard bytes[position...].starts(with: token.utf8) else { return false }
    position += token.utf8.count
    return true
  }

  private mutating func skipBlanks() {
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
  }
}
