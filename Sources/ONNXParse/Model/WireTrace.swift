/// What the bytes of a message told beyond its values, kept so that writing gives the same message back.
///
/// A message made in code has an empty trace.
public struct WireTrace: Sendable, Hashable {
  /// Bit `n` is set where field number `n` was written although it holds its default value.
  public var explicitDefaults: UInt32 = 0
  /// Fields that the schema doesn't know, as they stood in the file: tag and value, one behind the other.
  public var unknownFields: [UInt8] = []

  public init() {}
}
