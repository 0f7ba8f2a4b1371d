import CKernels
import Synchronization

/// The process's worker threads, one pool for each size asked for; sessions of one size share it.
final class ThreadPool: @unchecked Sendable {
  /// The C pool; several runs may use it at once.
  let pointer: OpaquePointer?
  let threads: Int

  private init(threads: Int) {
    pointer = csn_pool_create(Int32(threads))
    self.threads = Int(csn_pool_threads(pointer))
  }

  private static let pools = Mutex<[Int: ThreadPool]>([:])

  /// The shared pool of `threads` threads, made when first asked for and kept for the life of the process.
  static func shared(threads: Int) -> ThreadPool {
    let size = min(max(threads, 1), maximumThreads)
    return pools.withLock { pools in
      if let pool = pools[size] { return pool }
      let pool = ThreadPool(threads: size)
      pools[size] = pool
      return pool
    }
  }

  /// The most threads a pool can have.
  static let maximumThreads = 256
}
