import Glibc

/// Immutable bytes under shared ownership: memory of our own, or a stretch of a mapped file.
///
/// The bytes never change and stay valid as long as a region refers to them, so that a weight can be used where the
/// file's mapping holds it. `start` has whatever alignment the file gave it.
public struct ByteRegion: @unchecked Sendable {
  public let start: UnsafeRawPointer
  public let count: Int
  /// What keeps the bytes alive: an allocation or a mapping.
  public let owner: AnyObject?

  /// A view of `count` bytes from `start`, which `owner` keeps alive and unchanged.
  public init(start: UnsafeRawPointer, count: Int, owner: AnyObject?) {
    precondition(count >= 0)
    self.start = start
    self.count = count
    self.owner = owner
  }

  /// Memory of our own, 64-byte aligned, filled once by `initialize` and immutable from then on.
  public init(count: Int, initializingWith initialize: (UnsafeMutableRawBufferPointer) throws -> Void)
    rethrows
  {
    let allocation = Allocation(count: count)
    try initialize(allocation.bytes)
    self.init(start: UnsafeRawPointer(allocation.bytes.baseAddress!), count: count, owner: allocation)
  }

  /// A copy of `bytes`, 64-byte aligned.
  public init(copying bytes: UnsafeRawBufferPointer) {
    self.init(count: bytes.count) { $0.copyMemory(from: bytes) }
  }

  /// A copy of `bytes`, 64-byte aligned.
  public init(_ bytes: some Sequence<UInt8>) {
    self = Array(bytes).withUnsafeBytes { ByteRegion(copying: $0) }
  }

  /// The stretch `range` of this region, under the same owner.
  public subscript(range: Range<Int>) -> ByteRegion {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "range outside the region")
    return ByteRegion(start: start + range.lowerBound, count: range.count, owner: owner)
  }

  /// Calls `body` with the bytes; the pointer must not outlive the region.
  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    defer { withExtendedLifetime(owner) {} }
    return try body(UnsafeRawBufferPointer(start: start, count: count))
  }

  /// Whether the bytes start at a multiple of `alignment`.
  public func isAligned(to alignment: Int) -> Bool { Int(bitPattern: start) % alignment == 0 }

  /// A 64-byte aligned block that frees itself.
  private final class Allocation {
    let bytes: UnsafeMutableRawBufferPointer

    init(count: Int) {
      // One cache line more than asked: vector kernels may read past the last element, never past the line.
      let block = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) + 63, alignment: 64)
      bytes = UnsafeMutableRawBufferPointer(start: block, count: count)
    }

    deinit { bytes.baseAddress!.deallocate() }
  }
}

extension ByteRegion: Hashable {
  /// Whether both regions hold the same bytes.
  public static func == (a: ByteRegion, b: ByteRegion) -> Bool {
    guard a.count == b.count else { return false }
    return a.start == b.start
      || a.withUnsafeBytes { _ in b.withUnsafeBytes { _ in memcmp(a.start, b.start, a.count) == 0 } }
  }

  /// Hashes the length and the first bytes, so that hashing a weight stays cheap.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    withUnsafeBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0.prefix(64))) }
  }
}
