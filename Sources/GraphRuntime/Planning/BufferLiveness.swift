extension BufferAssignment {
  /// More values than this are not looked at one by one: work grows with the cube of their number.
  private static let mostValues = 256

  /// What is alive of a buffer at each step: of one that parts are made in, only those that are there.
  ///
  /// Counted are values that don't overlap, the largest first, which is never more than is alive.
  func liveBytes(of buffer: Int) -> [MemoryRequest] {
    let spans = buffers[buffer].values.compactMap { id -> Span? in
      guard case .buffer(_, let place)? = storage[id], let lifetime = lifetimes[id] else { return nil }
      return Span(place: place, lifetime: lifetime)
    }.sorted { ($1.place.size, $0.place.offset) < ($0.place.size, $1.place.offset) }
    let counted = spans.count <= Self.mostValues ? spans : [spans[0]]
    let times = Set(counted.flatMap { [$0.lifetime.lowerBound, $0.lifetime.upperBound + 1] }).sorted()
    return zip(times, times.dropFirst()).map { first, next in
      var places: [BufferPlace] = []
      for span in counted where span.lifetime.contains(first) {
        if !places.contains(where: span.place.overlaps) { places.append(span.place) }
      }
      return MemoryRequest(byteCount: places.reduce(0) { $0 + $1.size }, first: first, last: next - 1)
    }
  }

  private struct Span {
    let place: BufferPlace
    let lifetime: ClosedRange<Int>
  }
}

extension BufferPlace {
  /// Bytes of all stretches.
  fileprivate var size: Int { byteCount * count }
}
