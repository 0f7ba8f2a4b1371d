import Testing

@testable import GraphRuntime

/// Places in buffers against the sets of bytes that they stand for.
@Suite struct BufferPlaceTests {
  private func bytes(_ place: BufferPlace) -> Set<Int> {
    Set(
      (0..<place.count).flatMap { index in
        let start = place.offset + index * place.stride
        return start..<start + place.byteCount
      })
  }

  private static let whole = BufferPlace(offset: 0, byteCount: 36)

  /// Three images of 12 bytes, cut into parts of 2, 6 and 4.
  @Test func partsOfChannelsLieInEveryImage() {
    let parts = Self.whole.parts(
      [(images: 3, byteCount: 6), (3, 18), (3, 12)], along: .channels, images: 3)
    #expect(parts.map(\.imageStride) == [12, 12, 12])
    #expect(bytes(parts[1]) == [2, 3, 4, 5, 6, 7, 14, 15, 16, 17, 18, 19, 26, 27, 28, 29, 30, 31])
    for (index, part) in parts.enumerated() {
      #expect(!parts[..<index].contains { $0.overlaps(part) })
      #expect(part.overlaps(Self.whole) && part.overlaps(part))
    }
    let inner = parts[1].parts([(images: 3, byteCount: 6), (3, 12)], along: .channels, images: 3)
    #expect(bytes(inner[1]) == [4, 5, 6, 7, 16, 17, 18, 19, 28, 29, 30, 31])
    #expect(!inner[0].overlaps(inner[1]) && !inner[0].overlaps(parts[2]) && inner[1].overlaps(parts[1]))
    let images = parts[1].parts([(images: 1, byteCount: 6), (2, 12)], along: .images, images: 3)
    #expect(bytes(images[0]) == Set(2..<8))
    #expect(bytes(images[1]) == Set(14..<20).union(26..<32))
  }

  @Test func partsOfImagesAreDense() {
    let parts = Self.whole.parts([(images: 1, byteCount: 12), (2, 24)], along: .images, images: 3)
    #expect(parts == [BufferPlace(offset: 0, byteCount: 12), BufferPlace(offset: 12, byteCount: 24)])
  }

  @Test func whatABufferHeldMovesImageByImage() throws {
    let target = BufferPlace(offset: 0, byteCount: 60).parts(
      [(images: 3, byteCount: 24), (3, 36)], along: .channels, images: 3)[1]
    let parts = Self.whole.parts([(images: 3, byteCount: 6), (3, 30)], along: .channels, images: 3)
    #expect(Self.whole.moved(to: target, images: 3) == target)
    let moved = try parts.map { try #require($0.moved(to: target, images: 3)) }
    #expect(moved == target.parts([(images: 3, byteCount: 6), (3, 30)], along: .channels, images: 3))
    let images = Self.whole.parts([(images: 1, byteCount: 12), (2, 24)], along: .images, images: 3)
    #expect(bytes(try #require(images[0].moved(to: target, images: 1))) == Set(8..<20))
    #expect(bytes(try #require(images[1].moved(to: target, images: 2))) == Set(28..<40).union(48..<60))
    // What has no images, or others, can't be taken apart.
    #expect(Self.whole.moved(to: target, images: nil) == nil)
    #expect(Self.whole.moved(to: target, images: 2) == nil)
    #expect(BufferPlace(offset: 6, byteCount: 12).moved(to: target, images: 1) == nil)
    #expect(parts[1].moved(to: BufferPlace(offset: 100, byteCount: 36), images: 3)?.offset == 102)
  }
}
