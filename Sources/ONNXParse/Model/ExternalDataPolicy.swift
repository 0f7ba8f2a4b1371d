/// Where a written model keeps the data of its tensors.
public enum ExternalDataPolicy: Sendable, Hashable {
  /// In the model's file where that stays under the 2 GB of a protobuf message, otherwise as `external`.
  case automatic
  /// In the model's file, external data included.
  case inline
  /// In the file `name` beside the model (by default the model's name with `.data` behind it) for initializers of
  /// `threshold` bytes and more, in the model's file otherwise.
  case external(name: String? = nil, threshold: Int = 1024)
  /// Where it is: references to external data stay as they are.
  case unchanged
}

/// Goes over every tensor of a message.
private struct TensorMapper: FieldVisitor {
  let body: (inout TensorProto) throws -> Void

  mutating func field<Value: WireScalar>(_ number: Int, _ value: inout Value) {}
  mutating func optional<Value: WireScalar>(_ number: Int, _ value: inout Value?) {}
  mutating func list<Value: WireScalar>(_ number: Int, _ values: inout [Value]) {}
  mutating func payload(_ numbers: ClosedRange<Int>, _ payload: inout TensorProto.Payload) {}
  mutating func tensor(_ tensor: inout TensorProto) throws { try body(&tensor) }

  mutating func message<Value: Message>(_ number: Int, _ value: inout Value?) throws {
    try value?.visit(&self)
  }

  mutating func messages<Value: Message>(_ number: Int, _ values: inout [Value]) throws {
    for index in values.indices { try values[index].visit(&self) }
  }
}

extension Message {
  /// The message with the data of all its tensors in it.
  func withInlineData() throws -> Self {
    var mapper = TensorMapper { tensor in
      switch tensor.payload {
      case .external(let bytes): tensor.keep(bytes)
      case .none where tensor.dataLocation == TensorProto.externalLocation:
        throw ONNXError(
          .externalData, "the data of tensor '\(tensor.name)' was not looked up: open the model from its file"
        )
      default: break
      }
    }
    var copy = self
    try copy.visit(&mapper)
    return copy
  }
}

extension TensorProto {
  /// Holds `bytes` as raw data, no longer external.
  fileprivate mutating func keep(_ bytes: ByteRegion) {
    payload = .raw(bytes)
    externalData = []
    dataLocation = 0
  }

  /// Refers to `bytes` at `offset` of the file `location` beside the model.
  fileprivate mutating func refer(to location: String, offset: Int, _ bytes: ByteRegion) {
    payload = .external(bytes)
    dataLocation = TensorProto.externalLocation
    externalData = [
      StringStringEntry(key: "location", value: location),
      StringStringEntry(key: "offset", value: "\(offset)"),
      StringStringEntry(key: "length", value: "\(bytes.count)"),
    ]
  }
}

extension GraphProto {
  /// Calls `body` with the initializers of this graph and the graphs inside it.
  fileprivate mutating func forEachInitializer(_ body: (inout TensorProto) throws -> Void) rethrows {
    for index in initializers.indices { try body(&initializers[index]) }
    for node in nodes.indices {
      for attribute in nodes[node].attributes.indices {
        switch nodes[node].attributes[attribute].value {
        case .graph(var graph):
          try graph.forEachInitializer(body)
          nodes[node].attributes[attribute].value = .graph(graph)
        case .graphs(var graphs):
          for index in graphs.indices { try graphs[index].forEachInitializer(body) }
          nodes[node].attributes[attribute].value = .graphs(graphs)
        default: break
        }
      }
    }
  }
}

extension Model {
  /// Writes the data of large initializers to `sink` and lets the model refer to it as `location`.
  mutating func moveData(to sink: inout FileSink, location: String, threshold: Int) throws {
    try graph?.forEachInitializer { tensor in
      guard let elementType = tensor.elementType, elementType != .string else { return }
      let bytes = try tensor.elementBytes()
      guard bytes.count >= threshold, bytes.count > 0 else { return }
      // Large data begins on a page, so that a reader can map it by itself; small data on a cache line.
      try sink.pad(to: bytes.count >= 1 << 16 ? 4096 : 64)
      tensor.refer(to: location, offset: sink.count, bytes)
      try bytes.withUnsafeBytes { try sink.write($0) }
    }
  }
}
