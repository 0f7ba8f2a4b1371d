import Glibc

/// How much memory the process may use: the limit where the caller sets none.
public enum SystemMemory {
  /// Physical memory in bytes, or what the process's control groups allow of it (containers).
  public static let available: Int = min(
    physical,
    controlGroupLimit(root: "/sys/fs/cgroup", membership: text(of: "/proc/self/cgroup") ?? "") ?? Int.max)

  private static let physical: Int = {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let size = sysconf(Int32(_SC_PAGESIZE))
    guard pages > 0, size > 0 else { return Int.max }
    let (bytes, overflow) = pages.multipliedReportingOverflow(by: size)
    return overflow ? Int.max : bytes
  }()

  /// The least limit of a control group and of those around it; nil where there is none.
  /// - Parameter membership: what `/proc/self/cgroup` says: `0::/a/b` (version 2) or `5:memory:/a/b` (version 1).
  static func controlGroupLimit(root: String, membership: String) -> Int? {
    var limits: [Int] = []
    for line in membership.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isMemory = fields[1].split(separator: ",").contains("memory")
      guard fields[1].isEmpty || isMemory else { continue }
      let (mount, file) =
        isMemory ? ("\(root)/memory", "memory.limit_in_bytes") : (root, "memory.max")
      // In a container the path may be that of the host; then only the top is there.
      var folders = fields[2].split(separator: "/")
      while true {
        let folder = ([mount] + folders.map(String.init)).joined(separator: "/")
        // "max" is no number, and means none.
        if let limit = text(of: "\(folder)/\(file)").flatMap({ Int($0.prefix { !$0.isNewline }) }), limit > 0
        {
          limits.append(limit)
        }
        guard folders.popLast() != nil else { break }
      }
    }
    return limits.min()
  }

  private static func text(of path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(descriptor, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }
}
