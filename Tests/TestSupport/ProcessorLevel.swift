import Foundation

/// The level of the processor's kernels, which is the whole process's: tests that force one, and those that need the
/// highest, take turns.
public enum ProcessorLevel {
  private static let lock = NSLock()

  public static func inTurn<Result>(_ body: () throws -> Result) rethrows -> Result {
    try lock.withLock(body)
  }
}
