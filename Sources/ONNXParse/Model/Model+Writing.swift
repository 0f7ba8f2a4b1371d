extension Model {
  /// The model in the bytes of an `.onnx` file; references to external data stay references.
  /// - Throws: `ONNXError` where the bytes would be more than protobuf allows.
  public func serialized() throws -> [UInt8] { try encoded() }
}

extension TensorProto {
  /// The tensor in the bytes of a `.pb` file.
  public func serialized() throws -> [UInt8] { try encoded() }
}

extension SequenceProto {
  /// The sequence in the bytes of a `.pb` file.
  public func serialized() throws -> [UInt8] { try encoded() }
}

extension OptionalProto {
  /// The optional value in the bytes of a `.pb` file.
  public func serialized() throws -> [UInt8] { try encoded() }
}
