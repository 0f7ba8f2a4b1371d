import CAllocationCounter
import CKernels
import Foundation
import Testing

@Suite struct CPUTests {
  @Test func levelsAreOrderedAndNamed() {
    #expect(csn_cpu_detected().rawValue >= CSN_CPU_PORTABLE.rawValue)
    #expect(String(cString: csn_cpu_name(CSN_CPU_AVX512)) == "avx512")
    #expect(String(cString: csn_cpu_name(CSN_CPU_AMX)) == "amx")
    #expect(String(cString: csn_cpu_name(CSN_CPU_PORTABLE)) == "portable")
    #expect(csn_cpu_count() >= 1)
  }

  /// Opening a file takes a buffer: what allocates nothing opens none.
  @Test(.enabled(if: csn_counts_allocations())) func controlGroupsAreReadOnce() {
    let count = csn_cpu_count()
    let before = csn_allocation_count()
    let again = csn_cpu_count()
    let threads = csn_conv_default_options().threads
    let allocations = csn_allocation_count() - before
    #expect(again == count && threads == count)
    #expect(allocations == 0)
  }

  /// A directory tree that stands for "/" with the given files.
  private func quota(_ files: [String: String]) throws -> Int {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: root) }
    for (path, text) in files {
      let file = root.appendingPathComponent(path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try text.write(to: file, atomically: true, encoding: .utf8)
    }
    return Int(csn_cpu_quota(root.path))
  }

  @Test func quotaOfVersion2() throws {
    let group = "0::/a/b\n"
    #expect(try quota(["proc/self/cgroup": group, "sys/fs/cgroup/a/b/cpu.max": "150000 100000\n"]) == 2)
    #expect(try quota(["proc/self/cgroup": group, "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"]) == 0)
    // An ancestor's smaller limit counts; so does that of a container's root.
    #expect(
      try quota([
        "proc/self/cgroup": group, "sys/fs/cgroup/a/b/cpu.max": "400000 100000\n",
        "sys/fs/cgroup/a/cpu.max": "100000 100000\n",
      ]) == 1)
    #expect(try quota(["proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "300000 100000\n"]) == 3)
  }

  @Test func quotaOfVersion1() throws {
    let group = "4:memory:/x\n2:cpuacct,cpu:/x\n"
    #expect(
      try quota([
        "proc/self/cgroup": group, "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "250000\n",
        "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000\n",
      ]) == 3)
    #expect(
      try quota([
        "proc/self/cgroup": group, "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000\n",
      ]) == 0)
  }

  @Test func nonsenseIsNoLimit() throws {
    #expect(try quota([:]) == 0)
    #expect(try quota(["proc/self/cgroup": "garbage\n::\n"]) == 0)
    #expect(
      try quota(["proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "9223372036854775807 1\n"]) == 0)
  }
}
