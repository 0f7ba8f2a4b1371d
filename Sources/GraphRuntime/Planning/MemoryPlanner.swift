/// A stretch of memory needed from step `first` through step `last`.
struct MemoryRequest: Sendable, Hashable {
  var byteCount: Int
  var first: Int
  var last: Int

  func overlapsInTime(_ other: MemoryRequest) -> Bool { first <= other.last && other.first <= last }
}

/// Where each request lies in the arena.
struct MemoryPlan: Sendable {
  /// Offsets in bytes, in the order of the requests; multiples of `MemoryPlanner.alignment`.
  let offsets: [Int]
  /// Bytes the arena needs.
  let arenaBytes: Int
  /// The most bytes that are in use at any one step: no plan can do with less.
  let lowerBound: Int
}

/// Places buffers of known lifetimes into one arena.
///
/// Greedy by size with best fit (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference",
/// 2020) comes first, then the same placement under other orders; where all fall short of the lower bound, a local
/// search promotes the buffers that stick out. The result depends on the requests alone.
struct MemoryPlanner {
  /// A cache line, and the widest vector.
  static let alignment = 64
  /// More requests than real graphs have: they are placed once, because trying orders takes the square of their number.
  static let mostTried = 4096
  /// How much work the local search may do, in placements times buffers looked at.
  var searchBudget = 2_000_000

  /// - Throws: `GraphError` where the sizes add up to more than an address can hold.
  func plan(_ requests: [MemoryRequest]) throws -> MemoryPlan {
    var total = 0
    let rounded = try requests.map { request in
      var request = request
      let (padded, overflow) = request.byteCount.addingReportingOverflow(Self.alignment - 1)
      request.byteCount = padded / Self.alignment * Self.alignment
      let (sum, sumOverflow) = total.addingReportingOverflow(request.byteCount)
      guard !overflow, !sumOverflow, request.byteCount >= 0 else {
        throw GraphError(.limitExceeded, "the intermediate tensors take more memory than can be addressed")
      }
      total = sum
      return request
    }
    let bound = Self.lowerBound(of: rounded)
    guard rounded.count <= Self.mostTried else {
      let placement = Placement(inOrderOfUse: rounded)
      return MemoryPlan(offsets: placement.offsets, arenaBytes: placement.height, lowerBound: bound)
    }
    var best: Placement?
    var bestOrder: [Int] = []
    for order in Self.orders(for: rounded) {
      let placement = Placement(rounded, order: order)
      if placement.height < best?.height ?? Int.max { (best, bestOrder) = (placement, order) }
      if placement.height == bound { break }
    }
    guard var best else { return MemoryPlan(offsets: [], arenaBytes: 0, lowerBound: 0) }
    if best.height > bound { improve(&best, bestOrder, rounded, bound: bound) }
    return MemoryPlan(offsets: best.offsets, arenaBytes: best.height, lowerBound: bound)
  }

  /// The largest sum of sizes that are needed at one step.
  static func lowerBound(of requests: [MemoryRequest]) -> Int {
    var changes: [Int: Int] = [:]
    for request in requests {
      changes[request.first, default: 0] += request.byteCount
      changes[request.last + 1, default: 0] -= request.byteCount
    }
    var live = 0
    var most = 0
    for (_, change) in changes.sorted(by: { $0.key < $1.key }) {
      live += change
      most = max(most, live)
    }
    return most
  }

  /// The orders of placement worth trying, the most promising first.
  private static func orders(for requests: [MemoryRequest]) -> [[Int]] {
    func sorted(_ key: (MemoryRequest) -> (Int, Int)) -> [Int] {
      let keys = requests.map(key)
      return requests.indices.sorted { a, b in keys[a] == keys[b] ? a < b : keys[a] > keys[b] }
    }
    return [
      sorted { ($0.byteCount, $0.last - $0.first) },
      sorted { ($0.last - $0.first, $0.byteCount) },
      sorted {
        ($0.byteCount.multipliedReportingOverflow(by: $0.last - $0.first + 1).partialValue, $0.byteCount)
      },
      sorted { (-$0.first, $0.byteCount) },
    ]
  }

  /// Moves buffers that reach the top of the arena ahead of others they share time with, keeping what is no worse.
  private func improve(_ best: inout Placement, _ order: [Int], _ requests: [MemoryRequest], bound: Int) {
    var order = order
    var random = SplitMix64(seed: 0x9E37_79B9_7F4A_7C15)
    let cost = max(1, requests.count * requests.count)
    for _ in 0..<(searchBudget / cost) {
      guard best.height > bound else { return }
      let tops = requests.indices.filter { best.offsets[$0] + requests[$0].byteCount == best.height }
      var candidate = order
      let moved = tops[random.next(below: tops.count)]
      let position = candidate.firstIndex(of: moved) ?? 0
      candidate.remove(at: position)
      candidate.insert(moved, at: random.next(below: position + 1))
      if random.next(below: 4) == 0 {
        candidate.swapAt(random.next(below: candidate.count), random.next(below: candidate.count))
      }
      let placement = Placement(requests, order: candidate)
      if placement.height <= best.height { (best, order) = (placement, candidate) }
    }
  }
}

/// Requests placed one after the other, each in the tightest gap among those that share time with it.
private struct Placement {
  private(set) var offsets: [Int]
  private(set) var height = 0

  init(_ requests: [MemoryRequest], order: [Int]) {
    offsets = Array(repeating: 0, count: requests.count)
    var byOffset: [Int] = []
    byOffset.reserveCapacity(requests.count)
    for index in order {
      let request = requests[index]
      var free = 0
      var best: (offset: Int, gap: Int)?
      for other in byOffset where requests[other].overlapsInTime(request) {
        let gap = offsets[other] - free
        if gap >= request.byteCount, gap < best?.gap ?? Int.max { best = (free, gap) }
        free = max(free, offsets[other] + requests[other].byteCount)
      }
      let offset = best?.offset ?? free
      offsets[index] = offset
      height = max(height, offset + request.byteCount)
      let position = byOffset.firstIndex { offsets[$0] > offset } ?? byOffset.count
      byOffset.insert(index, at: position)
    }
  }
}

extension Placement {
  /// Requests placed in the order of their first use, each in the tightest gap that those needed no longer leave.
  init(inOrderOfUse requests: [MemoryRequest]) {
    offsets = Array(repeating: 0, count: requests.count)
    /// Free stretches below the height, by offset, no two side by side.
    var gaps: [(offset: Int, byteCount: Int)] = []
    var ending = requests.indices.sorted { requests[$0].last < requests[$1].last }[...]
    for index in requests.indices.sorted(by: { requests[$0].first < requests[$1].first }) {
      let request = requests[index]
      while let next = ending.first, requests[next].last < request.first {
        gaps.release(offsets[next], requests[next].byteCount)
        ending.removeFirst()
      }
      let fitting = gaps.indices.filter { gaps[$0].byteCount >= request.byteCount }
      if let gap = fitting.min(by: { gaps[$0].byteCount < gaps[$1].byteCount }) {
        offsets[index] = gaps[gap].offset
        gaps[gap].offset += request.byteCount
        gaps[gap].byteCount -= request.byteCount
        if gaps[gap].byteCount == 0 { gaps.remove(at: gap) }
      } else {
        // The last gap may reach the top: then it grows.
        let isOpen = gaps.last.map { $0.offset + $0.byteCount == height } ?? false
        offsets[index] = isOpen ? gaps.removeLast().offset : height
        height = offsets[index] + request.byteCount
      }
    }
  }
}

extension [(offset: Int, byteCount: Int)] {
  /// Adds a stretch to the gaps, and joins it with those beside it.
  fileprivate mutating func release(_ offset: Int, _ byteCount: Int) {
    guard byteCount > 0 else { return }
    var (low, high) = (startIndex, endIndex)
    while low < high {
      let middle = (low + high) / 2
      if self[middle].offset < offset { low = middle + 1 } else { high = middle }
    }
    var stretch = (offset: offset, byteCount: byteCount)
    var replaced = low..<low
    if low > startIndex, self[low - 1].offset + self[low - 1].byteCount == offset {
      stretch = (self[low - 1].offset, self[low - 1].byteCount + byteCount)
      replaced = low - 1..<low
    }
    if low < endIndex, self[low].offset == offset + byteCount {
      stretch.byteCount += self[low].byteCount
      replaced = replaced.lowerBound..<low + 1
    }
    replaceSubrange(replaced, with: CollectionOfOne(stretch))
  }
}

/// A small generator of pseudo-random numbers (Steele, Lea and Flood, 2014), the same on every machine.
struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A number in 0..<bound.
  mutating func next(below bound: Int) -> Int { Int(next() >> 1) % max(bound, 1) }
}
