import ONNXParse
import Synchronization

/// The constants that kernels made from a session's initializers, or that its `.graph` brought along; made once,
/// whatever number of plans uses them.
final class DerivedConstantStore: Sendable {
  /// The initializers that every plan has; others may differ from plan to plan.
  private let sources: Set<Value.ID>
  private let known: Mutex<[DerivedConstant: ByteRegion]>

  init(_ graph: Graph) {
    sources = Set(graph.initializers.keys)
    known = Mutex(graph.derivedConstants.compactMapValues(\.bytes))
  }

  /// The constant of that name and size, made outside the lock where there is none; nil where the source is not one
  /// that every plan has.
  func constant(_ key: DerivedConstant, byteCount: Int, make: () -> ByteRegion) -> ByteRegion? {
    guard sources.contains(key.source) else { return nil }
    if let found = known.withLock({ $0[key] }), found.count == byteCount, found.isAligned(to: 64) {
      return found
    }
    let made = make()
    return known.withLock { known in
      if let found = known[key], found.count == byteCount, found.isAligned(to: 64) { return found }
      known[key] = made
      return made
    }
  }

  /// All of them, as tensors of bytes.
  var all: [DerivedConstant: Tensor] {
    known.withLock { known in
      known.compactMapValues { try? Tensor(.uint8, shape: [$0.count], bytes: $0) }
    }
  }
}
