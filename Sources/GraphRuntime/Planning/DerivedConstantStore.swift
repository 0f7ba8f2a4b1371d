import ONNXParse
import Synchronization

/// The constants that kernels made from a session's initializers, or that its `.graph` brought along, and the copies
/// of initializers that a file left at odd addresses; made once, whatever number of plans uses them.
final class DerivedConstantStore: Sendable {
  /// The initializers that every plan has; others may differ from plan to plan.
  private let sources: Set<Value.ID>
  private let known: Mutex<[DerivedConstant: ByteRegion]>
  private let copies = Mutex<[Value.ID: Tensor]>([:])

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

  /// The initializer `id` as kernels can read it: itself, or the session's aligned copy.
  func aligned(_ tensor: Tensor, _ id: Value.ID) -> Tensor {
    guard !tensor.isAligned, sources.contains(id) else { return tensor.aligned }
    if let copy = copies.withLock({ $0[id] }) { return copy }
    let made = tensor.aligned
    if tensor.deferred == nil { tensor.bytes?.releasePages() }
    return copies.withLock { copies in
      if let copy = copies[id] { return copy }
      copies[id] = made
      return made
    }
  }

  /// All derived constants, as tensors of bytes.
  var all: [DerivedConstant: Tensor] {
    known.withLock { known in
      known.compactMapValues { try? Tensor(.uint8, shape: [$0.count], bytes: $0) }
    }
  }
}

extension Graph {
  /// The graph with its initializers as kernels can read them, for the interpreter, which would copy those at odd
  /// addresses in every run.
  func aligned(by store: DerivedConstantStore) -> Graph {
    var graph = self
    for (id, tensor) in initializers where !tensor.isAligned {
      graph.initializers[id] = store.aligned(tensor, id)
    }
    return graph
  }
}
