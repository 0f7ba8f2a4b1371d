import ONNXParse
import TestSupport
import Testing

@testable import GraphRuntime

@Suite struct GraphFileFuzzTests {
  /// A damaged file is refused or read, and never does harm; so is one whose checksums were made to fit the damage.
  @Test func damagedFiles() throws {
    let tests = GraphFileTests()
    let whole = try tests.bytes(of: tests.sample())
    let section = try whole.withUnsafeBytes { try GraphFileHeader(reading: $0).section(.description) }
    let description = Array(whole[section.offset..<section.offset + section.byteCount])
    let weights = ByteRegion([UInt8](repeating: 0, count: 256))
    let runs = Fuzzing.run([whole, description]) { bytes, _ in
      _ = try? GraphFile.read(ByteRegion(bytes))
      bytes.withUnsafeBytes { bytes in
        var decoder = DescriptionDecoder(bytes, weights: weights)
        if let graph = try? decoder.decode() { try? graph.validateDeeply() }
      }
    }
    #expect(runs > 0)
  }
}
