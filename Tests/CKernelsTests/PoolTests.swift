import CKernels
import Foundation
import Synchronization
import Testing

/// A run's view of its work: how often each chunk was done, and by whom.
private final class Tally: Sendable {
  let counts: [Atomic64]
  let strangers = Atomic<Int>(0)
  let threads: Int

  init(chunks: Int, threads: Int) {
    counts = (0..<chunks).map { _ in Atomic64() }
    self.threads = threads
  }

  final class Atomic64: Sendable { let value = Atomic<Int>(0) }

  func run(on pool: OpaquePointer?) {
    csn_pool_run(
      pool,
      { context, chunk, worker in
        let tally = Unmanaged<Tally>.fromOpaque(context!).takeUnretainedValue()
        tally.counts[Int(chunk)].value.add(1, ordering: .relaxed)
        if worker < 0 || worker >= tally.threads { tally.strangers.add(1, ordering: .relaxed) }
      }, Unmanaged.passUnretained(self).toOpaque(), Int32(counts.count))
  }

  func isDone(times: Int) -> Bool {
    counts.allSatisfy { $0.value.load(ordering: .relaxed) == times }
      && strangers.load(ordering: .relaxed) == 0
  }
}

/// A pool as a Swift value may carry it between threads.
private struct Pool: @unchecked Sendable {
  let pointer: OpaquePointer?
}

@Suite struct PoolTests {
  @Test(arguments: [1, 2, 3, 8], [0, 1, 2, 7, 1000])
  func everyChunkRunsOnce(threads: Int, chunks: Int) throws {
    let pool = try #require(csn_pool_create(Int32(threads)))
    defer { csn_pool_destroy(pool) }
    #expect(csn_pool_threads(pool) == threads)
    let tally = Tally(chunks: chunks, threads: threads)
    tally.run(on: pool)
    #expect(tally.isDone(times: 1))
  }

  /// What a worker fetches ahead for is what it gets next, where at most one other takes chunks beside it.
  @Test(arguments: [1, 2])
  func likelyNextChunkComesNext(threads: Int) throws {
    let pool = try #require(csn_pool_create(Int32(threads)))
    defer { csn_pool_destroy(pool) }
    final class Order: Sendable { let chunks = Mutex<[Int32: [Int32]]>([:]) }
    let order = Order()
    csn_pool_run(
      pool,
      { context, chunk, worker in
        let order = Unmanaged<Order>.fromOpaque(context!).takeUnretainedValue()
        order.chunks.withLock { $0[worker, default: []].append(chunk) }
        usleep(200)
      }, Unmanaged.passUnretained(order).toOpaque(), 40)
    let chunks = order.chunks.withLock { $0 }
    #expect(chunks.values.map(\.count).reduce(0, +) == 40)
    for (worker, taken) in chunks {
      let expected = taken.dropLast().map { csn_pool_likely_next($0, worker, Int32(threads)) }
      #expect(Array(taken.dropFirst()) == expected)
    }
  }

  /// Workers of even numbers go up in turn, the others down.
  @Test func likelyNextPassesOverTheOthers() {
    for threads: Int32 in 1...9 {
      let even = (threads + 1) / 2
      #expect(csn_pool_likely_next(20, 0, threads) == 20 + even)
      if threads > 1 { #expect(csn_pool_likely_next(20, 1, threads) == 20 - (threads - even)) }
    }
  }

  @Test func moreChunksThanClaims() throws {
    let pool = try #require(csn_pool_create(2))
    defer { csn_pool_destroy(pool) }
    final class Sum: Sendable { let value = Atomic<Int>(0) }
    let sum = Sum()
    let chunks = (1 << 20) + 12345
    csn_pool_run(
      pool,
      { context, chunk, _ in
        Unmanaged<Sum>.fromOpaque(context!).takeUnretainedValue().value.add(Int(chunk), ordering: .relaxed)
      }, Unmanaged.passUnretained(sum).toOpaque(), Int32(chunks))
    #expect(sum.value.load(ordering: .relaxed) == chunks * (chunks - 1) / 2)
  }

  @Test func noPoolRunsHere() {
    let tally = Tally(chunks: 5, threads: 1)
    tally.run(on: nil)
    #expect(tally.isDone(times: 1))
    #expect(csn_pool_threads(nil) == 1)
    csn_pool_destroy(nil)
  }

  @Test func refusesAbsurdSizes() {
    #expect(csn_pool_create(0) == nil)
    #expect(csn_pool_create(-1) == nil)
    #expect(csn_pool_create(100_000) == nil)
  }

  @Test func manyShortRuns() throws {
    let pool = try #require(csn_pool_create(2))
    defer { csn_pool_destroy(pool) }
    let tally = Tally(chunks: 9, threads: 2)
    for run in 1...20_000 {
      tally.run(on: pool)
      if run % 5000 == 0 { usleep(2000) }  // long enough for the worker to fall asleep
    }
    #expect(tally.isDone(times: 20_000))
  }

  @Test func workersThatSleepAreWoken() throws {
    let pool = try #require(csn_pool_create(4))
    defer { csn_pool_destroy(pool) }
    let tally = Tally(chunks: 16, threads: 4)
    for _ in 0..<50 {
      usleep(1000)
      tally.run(on: pool)
    }
    #expect(tally.isDone(times: 50))
  }

  @Test func runsInsideTasksStayInTheTask() throws {
    let pool = try #require(csn_pool_create(3))
    defer { csn_pool_destroy(pool) }
    final class Nest: Sendable {
      let pool: Pool
      let inner = Atomic<Int>(0)
      let moved = Atomic<Int>(0)
      init(_ pool: Pool) { self.pool = pool }
    }
    struct Level {
      var nest: Unmanaged<Nest>
      var worker: Int32
    }
    let nest = Nest(Pool(pointer: pool))
    csn_pool_run(
      pool,
      { context, _, worker in
        let nest = Unmanaged<Nest>.fromOpaque(context!)
        var level = Level(nest: nest, worker: worker)
        csn_pool_run(
          nest.takeUnretainedValue().pool.pointer,
          { context, _, worker in
            let level = context!.assumingMemoryBound(to: Level.self).pointee
            let nest = level.nest.takeUnretainedValue()
            nest.inner.add(1, ordering: .relaxed)
            if worker != level.worker { nest.moved.add(1, ordering: .relaxed) }
          }, &level, 10)
      }, Unmanaged.passUnretained(nest).toOpaque(), 100)
    #expect(nest.inner.load(ordering: .relaxed) == 1000)
    #expect(nest.moved.load(ordering: .relaxed) == 0)
  }

  @Test func severalCallersShareAPool() {
    let pool = Pool(pointer: csn_pool_create(2))
    defer { csn_pool_destroy(pool.pointer) }
    let tallies = (0..<4).map { _ in Tally(chunks: 20, threads: 2) }
    let threads = tallies.map { tally in
      Thread { for _ in 0..<2000 { tally.run(on: pool.pointer) } }
    }
    threads.forEach { $0.start() }
    while threads.contains(where: { !$0.isFinished }) { usleep(1000) }
    for tally in tallies { #expect(tally.isDone(times: 2000)) }
  }

  @Test func createAndDestroyIdle() throws {
    for round in 0..<100 {
      let pool = try #require(csn_pool_create(4))
      if round % 2 == 0 { Tally(chunks: 8, threads: 4).run(on: pool) }
      if round % 10 == 0 { usleep(500) }
      csn_pool_destroy(pool)
    }
  }
}
