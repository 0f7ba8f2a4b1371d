import Foundation
import Testing

@testable import ONNXParse

@Suite struct AtomicFileTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "atomic-\(UUID())").path
  private struct Failure: Error {}

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func content(_ path: String) -> String? {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func commitsWhenWhole() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/out"
    try AtomicFile.write(to: path) { file in
      try file.write(Array("new".utf8))
      #expect(content(path) == nil)
    }
    #expect(content(path) == "new")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["out"])
  }

  /// Of several files none takes its name before all are whole.
  @Test(arguments: [AtomicFile.Durability.complete, .onDisk])
  func severalAreWrittenAllOrNone(_ durability: AtomicFile.Durability) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let paths = ["a", "b", "c"].map { folder + "/" + $0 }
    func part(_ path: String, _ text: String) -> AtomicFile.Part {
      AtomicFile.Part(path) { file in
        #expect(paths.allSatisfy { content($0) != "new" })
        guard text != "fail" else { throw Failure() }
        try file.write(Array(text.utf8))
      }
    }
    try AtomicFile.write(paths.map { part($0, "old") }, durability: durability)
    #expect(paths.map(content) == ["old", "old", "old"])
    #expect(throws: Failure.self) {
      try AtomicFile.write(
        [part(paths[0], "new"), part(paths[1], "new"), part(paths[2], "fail")], durability: durability)
    }
    #expect(throws: FileError.self) {
      try AtomicFile.write([part(paths[0], "new"), part("/dev/full", "new")], durability: durability)
    }
    #expect(paths.map(content) == ["old", "old", "old"])
    try AtomicFile.write(paths.map { part($0, "new") }, durability: durability)
    #expect(paths.map(content) == ["new", "new", "new"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["a", "b", "c"])
  }

  @Test func keepsTheOldFileWhenWritingFails() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/out"
    try AtomicFile.write(to: path) { try $0.write(Array("old".utf8)) }
    #expect(throws: Failure.self) {
      try AtomicFile.write(to: path) { file in
        try file.write(Array("half".utf8))
        throw Failure()
      }
    }
    #expect(content(path) == "old")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["out"])
  }

  @Test func followsLinksAndKeepsTheMode() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let real = folder + "/real"
    try AtomicFile.write(to: real) { try $0.write(Array("old".utf8)) }
    #expect(chmod(real, 0o640) == 0)
    #expect(symlink("real", folder + "/link") == 0)
    try AtomicFile.write(to: folder + "/link") { try $0.write(Array("new".utf8)) }
    #expect(content(real) == "new")
    var status = stat()
    #expect(lstat(folder + "/link", &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    #expect(stat(real, &status) == 0 && status.st_mode & 0o777 == 0o640)
  }

  @Test func writesToDevicesInPlace() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try AtomicFile.write(to: "/dev/null") { try $0.write([1, 2, 3]) }
    var status = stat()
    #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
  }

  @Test func namesTheFileInErrors() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(throws: FileError(folder, "is a directory")) { try AtomicFile.write(to: folder) { _ in } }
    let missing = folder + "/no/out"
    #expect(throws: FileError(missing, "cannot write: No such file or directory")) {
      try AtomicFile.write(to: missing) { _ in }
    }
  }
}
