import CProtobuf
import Glibc

extension Model {
  /// Reads the model at `path`. The file is mapped, tensors keep their data in the mapping, and external data is
  /// mapped as well.
  /// - Throws: `FileError` where the file can't be read, `ONNXError` where it is not an ONNX model or its external data
  ///   can't be followed.
  public init(contentsOf path: String) throws {
    self = try .read(path, as: csn_model_descriptor())
  }

  /// Reads a model from `bytes`, in which tensors keep their data; external data is looked up in `directory`, and left
  /// alone where that is nil.
  /// - Throws: `ONNXError` where the bytes are not an ONNX model, or its external data can't be followed.
  public init(bytes: ByteRegion, directory: String? = nil) throws {
    self = try MessageDecoder.decode(
      bytes, as: csn_model_descriptor(), externalData: directory.map(ExternalDataReader.init(directory:)))
  }
}

extension TensorProto {
  /// Reads a tensor from a `.pb` file, as ONNX test data holds it.
  public init(contentsOf path: String) throws { self = try .read(path, as: csn_tensor_descriptor()) }

  /// Reads a tensor from `bytes`, in which it keeps its data.
  public init(bytes: ByteRegion) throws {
    self = try MessageDecoder.decode(bytes, as: csn_tensor_descriptor())
  }
}

extension SequenceProto {
  /// Reads a sequence from a `.pb` file, as ONNX test data holds it.
  public init(contentsOf path: String) throws { self = try .read(path, as: csn_sequence_descriptor()) }

  /// Reads a sequence from `bytes`, in which its tensors keep their data.
  public init(bytes: ByteRegion) throws {
    self = try MessageDecoder.decode(bytes, as: csn_sequence_descriptor())
  }
}

extension OptionalProto {
  /// Reads an optional value from a `.pb` file, as ONNX test data holds it.
  public init(contentsOf path: String) throws { self = try .read(path, as: csn_optional_descriptor()) }

  /// Reads an optional value from `bytes`, in which its tensors keep their data.
  public init(bytes: ByteRegion) throws {
    self = try MessageDecoder.decode(bytes, as: csn_optional_descriptor())
  }
}

extension Message {
  /// Reads a message from a file; external data is looked up beside it.
  fileprivate static func read(_ path: String, as descriptor: WireScanner.Descriptor) throws -> Self {
    do {
      let file = try OpenFile(path, O_RDONLY)
      return try MessageDecoder.decode(
        ByteRegion(file), as: descriptor, externalData: ExternalDataReader(beside: file))
    } catch let error as ONNXError {
      throw error.inFile(path)
    }
  }
}
