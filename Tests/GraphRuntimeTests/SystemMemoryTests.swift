import Foundation
import TestSupport
import Testing

@testable import GraphRuntime

@Suite struct SystemMemoryTests {
  @Test func containersLimitWhatThereIs() throws {
    let folder = try TemporaryFolder()
    func write(_ text: String, _ path: String) throws {
      let url = URL(filePath: folder.path(path))
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }
    func limit(_ membership: String) -> Int? {
      SystemMemory.controlGroupLimit(root: folder.path, membership: membership)
    }
    try write("max\n", "a/b/memory.max")
    try write("2147483648\n", "a/memory.max")
    #expect(limit("0::/a/b\n") == 2 << 30)
    #expect(limit("0::/other\n") == nil)
    #expect(limit("") == nil)
    try write("4096\n", "memory/c/memory.limit_in_bytes")
    #expect(limit("3:cpu:/c\n5:memory,hugetlb:/c\n0::/\n") == 4096)
    #expect(SystemMemory.available > 0)
  }
}
