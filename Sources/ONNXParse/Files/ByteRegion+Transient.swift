import Glibc

extension ByteRegion {
  /// Blocks from here on come from the system itself.
  private static let smallestMapped = 1 << 20

  /// Memory for a short while, 64-byte aligned, filled once by `initialize`. A large block goes back to the system whole
  /// with the last region of it; the C library would keep it, as a hole among the blocks that stay.
  public init(
    transient count: Int, initializingWith initialize: (UnsafeMutableRawBufferPointer) throws -> Void
  ) rethrows {
    guard count >= Self.smallestMapped, let pages = Pages(count: count) else {
      try self.init(count: count, initializingWith: initialize)
      return
    }
    try initialize(pages.bytes)
    self.init(start: UnsafeRawPointer(pages.bytes.baseAddress!), count: count, owner: pages)
  }
}

/// Pages of the system that go back to it with this object.
private final class Pages {
  let bytes: UnsafeMutableRawBufferPointer
  private let byteCount: Int

  init?(count: Int) {
    // One cache line more than asked: vector kernels may read past the last element, never past the line.
    byteCount = count + 63
    guard let start = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      start != MAP_FAILED
    else { return nil }
    bytes = UnsafeMutableRawBufferPointer(start: start, count: count)
  }

  deinit { munmap(bytes.baseAddress, byteCount) }
}
