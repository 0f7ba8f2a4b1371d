import ONNXParse
import Synchronization

/// Bytes that are made where they are used, and go with their last user: weights that a pass makes of the model's, and
/// that are there to be packed, a layer at a time.
final class DeferredBytes: Sendable {
  /// What the bytes are made of: equal recipes make equal bytes.
  struct Recipe: Sendable, Hashable {
    /// Where the weights lie, which `make` keeps there.
    let source: UInt
    /// One a channel.
    let scale: [Double]
    let shape: [Int]
  }

  let recipe: Recipe
  private let make: @Sendable () -> ByteRegion
  private let made = Mutex(Made())

  /// The bytes that somebody uses now.
  private struct Made: @unchecked Sendable {
    weak var owner: AnyObject?
    var start: UnsafeRawPointer?
    var count = 0
  }

  init(recipe: Recipe, make: @escaping @Sendable () -> ByteRegion) {
    self.recipe = recipe
    self.make = make
  }

  /// Whether anybody uses the bytes now.
  var isInUse: Bool { made.withLock { $0.owner != nil } }

  /// The bytes, made now unless somebody uses them already.
  var region: ByteRegion {
    made.withLock { made in
      if let owner = made.owner, let start = made.start {
        return ByteRegion(start: start, count: made.count, owner: owner)
      }
      let region = make()
      made = Made(owner: region.owner, start: region.start, count: region.count)
      return region
    }
  }
}
