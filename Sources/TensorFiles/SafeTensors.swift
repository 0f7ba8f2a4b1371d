import FoundationEssentials
import GraphRuntime
import ONNXParse

/// Tensors in the safetensors format: a length, a JSON header, and the elements, which are used where the mapped file holds them.
public enum SafeTensors {
  /// The format's own limit is 100 MB; a header of a million tensors takes about as much.
  private static let maximumHeaderLength = 100_000_000

  /// Reads a file.
  /// - Throws: `FileError` that says what is wrong with the file.
  public static func read(from path: String) throws -> NamedTensors {
    try decode(ByteRegion(contentsOf: path), name: path)
  }

  /// Reads a file's bytes; `name` is for messages.
  public static func decode(_ bytes: ByteRegion, name: String) throws -> NamedTensors {
    guard bytes.count >= 8 else { throw FileError(name, "not a safetensors file: it is too short") }
    let length = bytes.withUnsafeBytes { $0.littleEndian(UInt64.self, at: 0) }
    guard length <= UInt64(min(maximumHeaderLength, bytes.count - 8)) else {
      throw FileError(
        name, "not a safetensors file, or one that was cut off: its header would take \(length) bytes")
    }
    let data = bytes[8 + Int(length)..<bytes.count]
    let header = try parse(bytes[8..<8 + Int(length)], name: name)
    return try tensors(header, data: data, name: name)
  }

  private struct Field: Decodable {
    let dtype: String
    let shape: [Int]
    let data_offsets: [Int]
  }

  private struct Header: Decodable {
    let fields: [String: Field]

    private struct Key: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Key.self)
      var fields: [String: Field] = [:]
      for key in container.allKeys where key.stringValue != "__metadata__" {
        fields[key.stringValue] = try container.decode(Field.self, forKey: key)
      }
      self.fields = fields
    }
  }

  private static func parse(_ bytes: ByteRegion, name: String) throws -> [String: Field] {
    do {
      return try bytes.withUnsafeBytes { try JSONDecoder().decode(Header.self, from: Data($0)).fields }
    } catch { throw FileError(name, "not a safetensors file: its header is not the JSON it should be") }
  }

  private static func tensors(_ fields: [String: Field], data: ByteRegion, name: String) throws
    -> NamedTensors
  {
    var tensors = NamedTensors()
    var end = 0
    let inOrder = fields.sorted {
      ($0.value.data_offsets.first ?? 0, $0.key) < ($1.value.data_offsets.first ?? 0, $1.key)
    }
    for (key, field) in inOrder {
      func bad(_ message: String) -> FileError { FileError(name, "'\(key)' \(message)") }
      guard let type = types[field.dtype] else {
        throw bad("has the element type \(field.dtype), which is not supported")
      }
      guard field.data_offsets.count == 2,
        case let (start, stop) = (field.data_offsets[0], field.data_offsets[1]),
        start >= end, stop >= start, stop <= data.count
      else { throw bad("lies outside the file's data or over another tensor") }
      end = stop
      do {
        tensors.append(try Tensor(type, shape: field.shape, bytes: data[start..<stop]), named: key)
      } catch let error as GraphError { throw bad("can't be read: \(error.message)") }
    }
    return tensors
  }

  private static let types: [String: ElementType] = [
    "BOOL": .bool, "U8": .uint8, "I8": .int8, "U16": .uint16, "I16": .int16, "U32": .uint32, "I32": .int32,
    "U64": .uint64, "I64": .int64, "F16": .float16, "BF16": .bfloat16, "F32": .float32, "F64": .float64,
    "C64": .complex64, "F8_E4M3": .float8e4m3fn, "F8_E5M2": .float8e5m2, "F8_E8M0": .float8e8m0,
    "F4": .float4e2m1,
  ]
}
