import Foundation
import GraphRuntime
import ONNXParse
import TestSupport

/// Independent programs that tell what is right: scripts of `Tests/Referees` in the Python of the test environment.
enum Referee {
  /// Runs a script.
  /// - Returns: what it prints.
  @discardableResult
  static func run(_ script: String, _ arguments: String...) throws -> String {
    try Python.run(file: "\(packageRoot)/Tests/Referees/\(script)", arguments: arguments)
  }

  /// Calls `body` with a new empty folder, which is gone afterwards.
  static func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = try TemporaryFolder()
    return try withExtendedLifetime(folder) { try body(URL(filePath: folder.path)) }
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
