import CProtobuf

/// Memory for what protobuf-c parses, given back in one piece: a model is a million small allocations.
final class ParseArena {
  private var chunks: [UnsafeMutableRawPointer] = []
  private var next: UnsafeMutableRawPointer?
  private var room = 0
  private var chunkSize = 1 << 14

  private static let alignment = 16
  private static let largestChunk = 1 << 20

  deinit { for chunk in chunks { chunk.deallocate() } }

  private func allocate(_ size: Int) -> UnsafeMutableRawPointer {
    let size = (max(size, 1) + Self.alignment - 1) / Self.alignment * Self.alignment
    if size > room {
      // A large block gets a chunk of its own, and the open chunk goes on.
      guard size <= chunkSize / 4 else { return addChunk(size) }
      next = addChunk(chunkSize)
      room = chunkSize
      chunkSize = min(2 * chunkSize, Self.largestChunk)
    }
    defer {
      next = next.map { $0 + size }
      room -= size
    }
    return next ?? addChunk(size)
  }

  private func addChunk(_ size: Int) -> UnsafeMutableRawPointer {
    let chunk = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: Self.alignment)
    chunks.append(chunk)
    return chunk
  }

  /// Calls `body` with the arena in the form that protobuf-c takes; the arena must outlive what is allocated.
  func withAllocator<Result>(_ body: (UnsafeMutablePointer<ProtobufCAllocator>) -> Result) -> Result {
    var allocator = ProtobufCAllocator(
      alloc: { arena, size in
        arena.map { Unmanaged<ParseArena>.fromOpaque($0).takeUnretainedValue().allocate(size) }
      },
      free: { _, _ in }, allocator_data: Unmanaged.passUnretained(self).toOpaque())
    return withExtendedLifetime(self) { body(&allocator) }
  }
}
