/// What a message may cost to read, so that time and memory stay in proportion to the file.
struct WireLimits: Sendable {
  static let standard = WireLimits()

  /// Messages inside messages; what protobuf itself allows.
  var depth = 100
  /// Bytes of everything but the tensors' data.
  var structureBytes = 1 << 30
  /// Memory for the messages and their fields: so much, and so much more for every byte read.
  var baseMemory = 256 << 20
  var memoryPerByte = 64
}
