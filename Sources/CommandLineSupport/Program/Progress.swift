import Dispatch
import Synchronization

/// A bar on the terminal for work that takes more than a second; nothing where standard error is not a terminal.
///
/// Work that can't tell how far it is gets a mark that moves.
final class Progress: @unchecked Sendable {
  private let title: String
  private let write: (String) -> Void
  private let start: ContinuousClock.Instant
  private let lock = Mutex(())
  private var fraction: Double?
  private var isShown = false
  private var ticks = 0
  private var timer: (any DispatchSourceTimer)?

  /// Runs `work` under a bar with that title; `work` may report how much of it is done, 0 to 1.
  static func show<Result>(
    _ title: String, isEnabled: Bool = Terminal.showsProgress,
    write: @escaping (String) -> Void = Terminal.writeError,
    _ work: (_ report: (Double) -> Void) throws -> Result
  ) rethrows -> Result {
    guard isEnabled else { return try work { _ in } }
    let progress = Progress(title: title, write: write)
    progress.begin()
    defer { progress.end() }
    return try work { progress.report($0) }
  }

  private init(title: String, write: @escaping (String) -> Void) {
    self.title = title
    self.write = write
    start = .now
  }

  private func begin() {
    let timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
    timer.schedule(deadline: .now() + 1, repeating: .milliseconds(200))
    timer.setEventHandler { [weak self] in self?.draw() }
    timer.resume()
    self.timer = timer
  }

  private func report(_ fraction: Double) { lock.withLock { _ in self.fraction = min(max(fraction, 0), 1) } }

  private func draw() {
    lock.withLock { _ in
      guard timer != nil else { return }
      let seconds = Int((ContinuousClock.now - start).components.seconds)
      let line = Self.line(
        title: title, fraction: fraction, tick: ticks, seconds: seconds, columns: Terminal.columns)
      write("\r" + line)
      ticks += 1
      isShown = true
    }
  }

  private func end() {
    lock.withLock { _ in
      timer?.cancel()
      timer = nil
      if isShown { write("\r\u{1B}[K") }
    }
  }

  /// `fusing [#########...........] 45 %  12 s`, in less than `columns`: a line that wraps can't be drawn over.
  static func line(title: String, fraction: Double?, tick: Int, seconds: Int, columns: Int = 80) -> String {
    let width = 30
    let bar: String
    if let fraction {
      let filled = Int(fraction * Double(width))
      let cells = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
      bar = " [\(cells)] \(Int(fraction * 100)) %  \(seconds) s "
    } else {
      let cells = (0..<width).map { ($0 - tick) % width == 0 ? "#" : "." }
      bar = " [\(cells.joined())]  \(seconds) s "
    }
    let room = max(columns - 1, 0)
    guard title.count + bar.count > room else { return title + bar }
    // The end of a path tells most.
    let rest = room - bar.count
    if rest >= 8 { return title.prefix(rest / 2 - 1) + "…" + title.suffix(rest - rest / 2) + bar }
    return String((title + " \(seconds) s").prefix(room))
  }
}
