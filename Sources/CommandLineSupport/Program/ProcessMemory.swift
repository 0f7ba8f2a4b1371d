import Glibc
import ONNXParse

/// What the process takes of the machine's memory.
enum ProcessMemory {
  /// The most bytes it held at one time.
  ///
  /// `getrusage` begins with what the process held before it became this program, which is its parent's memory where that
  /// started it by `vfork`; it serves where there is no `/proc`.
  static var peak: Int {
    if let status = try? ByteRegion(contentsOf: "/proc/self/status"),
      let line = status.withUnsafeBytes({ String(decoding: $0, as: UTF8.self) })
        .split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kilobytes = Int(line.filter(\.isNumber))
    {
      return kilobytes * 1024
    }
    var usage = rusage()
    return getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 ? Int(usage.ru_maxrss) * 1024 : 0
  }
}
