/// Why a CSN or a fusion graph can't be built from what was given.
public struct CSNError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: String, Sendable {
    /// The network has no input, first convolution, pooling or classifier where one is needed.
    case unplaceable
    /// Options that contradict each other or the network.
    case invalidOption
    /// Head weights of a wrong name, type or size, or an incomplete set.
    case invalidHead
    /// Filters from which an image can't be reconstructed, or weights that are not finite.
    case degenerate
    /// A library that the system does not have.
    case missingLibrary
  }

  public let kind: Kind
  /// One sentence with the names and shapes concerned, and what to do.
  public let description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
