extension Model {
  /// The model in the bytes of an `.onnx` file; references to external data stay references.
  public func serialized() throws -> [UInt8] { try encoded() }

  /// Writes the model to `path`, whole or not at all. Weights go from where they are to the file, without a copy.
  /// - Throws: `FileError` where the file can't be written, `ONNXError` where it would be more than the 2 GB that a
  ///   message may take.
  public func write(to path: String, externalData policy: ExternalDataPolicy = .automatic) throws {
    try write(to: path, externalData: policy, inlineLimit: Self.sizeLimit)
  }

  func write(to path: String, externalData policy: ExternalDataPolicy, inlineLimit: Int) throws {
    do {
      switch policy {
      case .unchanged: try AtomicFile.write(to: path) { try self.write(to: $0) }
      case .inline: try writeMessage(to: path)
      case .external(let name, let threshold): try writeWithData(to: path, name: name, threshold: threshold)
      case .automatic:
        let model = try withInlineData()
        if try MessageEncoder.measure(model).size <= inlineLimit {
          try AtomicFile.write(to: path) { try model.write(to: $0) }
        } else {
          try writeWithData(to: path, name: nil, threshold: 1024)
        }
      }
    } catch let error as ONNXError {
      throw error.inFile(path)
    }
  }

  private func writeWithData(to path: String, name: String?, threshold: Int) throws {
    let location = name ?? path.lastPathPart + ".data"
    guard !location.isEmpty, !location.contains("/"), ![".", "..", path.lastPathPart].contains(location)
    else {
      throw ONNXError(.externalData, "'\(location)' is not the name of a file beside the model")
    }
    var model = try withInlineData()
    try AtomicFile.write(to: path) { file in
      // The data gets its name first, when all of the model is written. A link under that name may lead anywhere.
      try AtomicFile.write(to: path.sibling(named: location), followsLinks: false) { data in
        try FileSink.write(to: data) { try model.moveData(to: &$0, location: location, threshold: threshold) }
        try model.write(to: file)
      }
    }
  }
}

extension TensorProto {
  /// The tensor in the bytes of a `.pb` file.
  public func serialized() throws -> [UInt8] { try withInlineData().encoded() }

  /// Writes the tensor to a `.pb` file.
  public func write(to path: String) throws { try writeMessage(to: path) }
}

extension SequenceProto {
  /// The sequence in the bytes of a `.pb` file.
  public func serialized() throws -> [UInt8] { try withInlineData().encoded() }

  /// Writes the sequence to a `.pb` file.
  public func write(to path: String) throws { try writeMessage(to: path) }
}

extension OptionalProto {
  /// The optional value in the bytes of a `.pb` file.
  public func serialized() throws -> [UInt8] { try withInlineData().encoded() }

  /// Writes the optional value to a `.pb` file.
  public func write(to path: String) throws { try writeMessage(to: path) }
}

extension Message {
  /// What readers of protobuf messages accept.
  fileprivate static var sizeLimit: Int { Int(Int32.max) }

  fileprivate func write(to file: borrowing AtomicFile) throws {
    let (size, inner) = try MessageEncoder.measure(self)
    guard size <= Self.sizeLimit else {
      throw ONNXError(
        .limit, "the message takes \(size) bytes, more than the 2 GB that readers accept; use external data")
    }
    try FileSink.write(to: file) { try MessageEncoder.write(self, sizes: inner, to: &$0) }
  }

  fileprivate func writeMessage(to path: String) throws {
    let message = try withInlineData()
    try AtomicFile.write(to: path) { try message.write(to: $0) }
  }
}
