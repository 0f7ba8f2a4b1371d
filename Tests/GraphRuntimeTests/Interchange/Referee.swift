import Foundation
import GraphRuntime
import ONNXParse

/// Independent programs that tell what is right: scripts of `Tests/Referees` in the Python of the test environment.
enum Referee {
  static let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private static let python = packageRoot.appending(path: ".venv/bin/python").path

  /// Whether the test environment is there (`scripts/setup-venv.sh` makes it).
  static let isThere = FileManager.default.isExecutableFile(atPath: python)

  /// Models and pictures that are not the repository's; absent on most machines.
  static let shared = packageRoot.appending(path: "../shared/data").standardizedFileURL

  struct Refusal: Error, CustomStringConvertible {
    let description: String
  }

  /// Runs a script.
  /// - Returns: what it prints.
  /// - Throws: `Refusal` with what it says on its way out.
  @discardableResult
  static func run(_ script: String, _ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments = [packageRoot.appending(path: "Tests/Referees/\(script)").path] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Refusal(description: "\(script): \(text.suffix(2000))")
    }
    return text
  }

  /// Calls `body` with a new empty folder, which is gone afterwards.
  static func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "csn-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  /// The tensors `PREFIX_0.pb`, `PREFIX_1.pb`... of a folder.
  static func tensors(_ prefix: String, in folder: URL) throws -> [(name: String, tensor: Tensor)] {
    var tensors: [(String, Tensor)] = []
    while true {
      let path = folder.appending(path: "\(prefix)_\(tensors.count).pb").path
      guard FileManager.default.fileExists(atPath: path) else { return tensors }
      let proto = try TensorProto(contentsOf: path)
      tensors.append((proto.name, try Tensor(proto)))
    }
  }

  /// What ONNX Runtime makes of a model file and inputs, output by output.
  static func onnxRuntime(
    _ model: String, _ inputs: [String: Tensor]
  ) throws -> [(name: String, tensor: Tensor)] {
    try withFolder { folder in
      for (index, input) in inputs.sorted(by: { $0.key < $1.key }).enumerated() {
        let bytes = try TensorProto(input.value, name: input.key).serialized()
        try Data(bytes).write(to: folder.appending(path: "input_\(index).pb"))
      }
      try run("run_model.py", model, folder.path)
      return try tensors("output", in: folder)
    }
  }
}

/// How far two tensors are apart.
struct Difference: CustomStringConvertible {
  let description: String

  /// nil where `a` and `b` agree: `|a - b| <= atol + rtol * |b|`.
  init?(_ a: Tensor, _ b: Tensor, rtol: Double = 1e-4, atol: Double = 1e-5) {
    guard a.elementType == b.elementType, a.shape == b.shape else {
      description = "\(a) instead of \(b)"
      return
    }
    if let x = a.strings, let y = b.strings {
      if x == y { return nil }
      description = "\(x) instead of \(y)"
      return
    }
    let (x, y) = (a.numbers, b.numbers)
    for index in x.indices where !(x[index] == y[index] || x[index].isNaN && y[index].isNaN) {
      if !(abs(x[index] - y[index]) <= atol + rtol * abs(y[index])) {
        description = "element \(index) of \(a) is \(x[index]) instead of \(y[index])"
        return
      }
    }
    return nil
  }
}

extension Tensor {
  /// The elements as numbers; empty for types no test compares.
  var numbers: [Double] {
    switch elementType {
    case .float32: elements(Float.self).map(Double.init)
    case .float64: elements(Double.self)
    case .float16: elements(Float16.self).map(Double.init)
    case .bool: elements(Bool.self).map { $0 ? 1 : 0 }
    default: (integers ?? []).map(Double.init)
    }
  }

  /// Numbers that look random and are the same every time, -1 to 1.
  static func pseudoRandom(_ shape: [Int], seed: UInt64 = 1) -> Tensor {
    var state = seed
    let count = shape.reduce(1, *)
    return Tensor(
      (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
      }, shape: shape)
  }
}

extension Graph {
  /// Runs the graph node by node on named inputs.
  func interpreted(_ inputs: [String: Tensor]) throws -> [Tensor] {
    var values: [Value.ID: RuntimeValue] = [:]
    for id in self.inputs { values[id] = inputs[self[id].name].map(RuntimeValue.tensor) }
    return try Interpreter(self).run(values).compactMap(\.tensor)
  }
}
