import Foundation
import Testing

@testable import ONNXParse

@Suite struct HugePageWriterTests {
  private let piece = HugePageWriter.pieceByteCount

  /// Whatever is gathered and whatever goes straight to the file, all of it comes, in order.
  @Test func writesEverythingInOrder() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "pieces-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let counts = [0, 10, piece - 10, 2 * piece + 7, piece, 1]
    var expected: [UInt8] = []
    try AtomicFile.write(to: path) { file in
      var writer = HugePageWriter()
      for (index, count) in counts.enumerated() {
        let bytes = [UInt8](repeating: UInt8(index + 1), count: count)
        try writer.write(bytes, to: file)
        try writer.write(zeros: 3, to: file)
        expected += bytes + [0, 0, 0]
      }
      try writer.finish(file)
    }
    #expect(try ByteRegion(contentsOf: path) == ByteRegion(expected))
  }

  @Test func neighboursInAMappedFileJoin() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "joined-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try AtomicFile.write(to: path) { try $0.write([UInt8](0..<100)) }
    let (file, again) = (try ByteRegion(contentsOf: path), try ByteRegion(contentsOf: path))
    #expect(file[10..<20].joined(with: file[24..<30], across: 4) == file[10..<30])
    #expect(file[10..<20].joined(with: file[25..<30], across: 4) == nil)
    #expect(file[10..<20].joined(with: file[15..<30], across: 4) == nil)
    #expect(file[10..<20].joined(with: again[20..<30], across: 1 << 40) == nil)
    let own = ByteRegion([UInt8](0..<100))
    #expect(own[10..<20].joined(with: own[20..<30], across: 4) == nil)
  }
}
