import Foundation
import Testing

@testable import ONNXParse

/// A folder of its own that goes with the last reference.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "onnxparse-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  func write(_ bytes: [UInt8], to name: String) throws -> String {
    try Data(bytes).write(to: URL(filePath: file(name)))
    return file(name)
  }

  var contents: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path))?.sorted() ?? [] }
}

/// The test environment's Python, with the onnx package as referee.
enum Python {
  static let interpreter = URL(filePath: #filePath).appending(path: "../../../.venv/bin/python").standardized
    .path
  static var isThere: Bool { FileManager.default.isExecutableFile(atPath: interpreter) }

  /// Runs `script` with `arguments`; its output, standard error included, is the message where it fails.
  @discardableResult
  static func run(_ script: String, _ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: interpreter)
    process.arguments = ["-c", script] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(output)")
    return output
  }
}

/// A generator of numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// True once in `odds` times.
  mutating func chance(_ odds: Int = 2) -> Bool { Int.random(in: 0..<odds, using: &self) == 0 }
}

/// Models that tests share.
enum Samples {
  /// `y = Relu(x * w + b)` for x [N, 2].
  static var linear: Model {
    func value(_ name: String, _ extents: [TensorShapeProto.Dimension.Extent]) -> ValueInfoProto {
      ValueInfoProto(name: name, type: .tensor(.float32, TensorShapeProto(extents.map { .init($0) })))
    }
    return Model(
      irVersion: 10, opsetImports: [OperatorSetID(version: 21)], producerName: "tests",
      graph: GraphProto(
        name: "linear",
        nodes: [
          NodeProto(opType: "MatMul", inputs: ["x", "w"], outputs: ["product"], name: "multiply"),
          NodeProto(opType: "Add", inputs: ["product", "b"], outputs: ["sum"], name: "add"),
          NodeProto(opType: "Relu", inputs: ["sum"], outputs: ["y"], name: "activate"),
        ],
        initializers: [
          floats("w", [2, 3], (0..<6).map(Float.init)), floats("b", [3], [0.5, -0.5, 1]),
        ],
        inputs: [value("x", [.symbol("N"), .value(2)])], outputs: [value("y", [.symbol("N"), .value(3)])]))
  }

  static func floats(_ name: String, _ dims: [Int], _ values: [Float]) -> TensorProto {
    TensorProto(name: name, .float32, dims: dims, raw: values.withUnsafeBytes { ByteRegion(copying: $0) })
  }
}

/// The bytes of a message, written field by field.
struct WireBuilder {
  private(set) var bytes: [UInt8] = []

  static func varint(_ value: UInt64) -> [UInt8] {
    var sink = MemorySink()
    try? sink.writeVarint(value)
    return sink.bytes
  }

  func varint(_ number: Int, _ value: UInt64) -> WireBuilder {
    adding(Self.varint(UInt64(number) << 3) + Self.varint(value))
  }

  func bytes(_ number: Int, _ content: [UInt8]) -> WireBuilder {
    adding(Self.varint(UInt64(number) << 3 | 2) + Self.varint(UInt64(content.count)) + content)
  }

  func text(_ number: Int, _ content: String) -> WireBuilder { bytes(number, Array(content.utf8)) }

  func message(_ number: Int, _ content: WireBuilder) -> WireBuilder { bytes(number, content.bytes) }

  func adding(_ more: [UInt8]) -> WireBuilder {
    var builder = self
    builder.bytes += more
    return builder
  }
}

/// The error that `body` throws, checked to be of `category`.
@discardableResult
func expectError(
  _ category: ONNXError.Category, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) -> String {
  do {
    try body()
    Issue.record("no error was thrown", sourceLocation: sourceLocation)
    return ""
  } catch let error as ONNXError {
    #expect(error.category == category, "\(error)", sourceLocation: sourceLocation)
    return error.description
  } catch {
    Issue.record("an error of another kind: \(error)", sourceLocation: sourceLocation)
    return ""
  }
}
