import Foundation
import ONNXParse
import TestSupport
import Testing
@testable import GraphRuntime

/// Node tests of the ONNX standard, made by the `onnx` package of the project's test environment.
struct StandardCase: Decodable {
  struct EncodedTensor: Decodable {
    let type: Int32
    let shape: [Int]
    let data: Data

    func tensor() throws -> Tensor {
      let type = try #require(ElementType(rawValue: type))
      return try Tensor(type, shape: shape, bytes: ByteRegion(data))
    }
  }

  struct EncodedAttribute: Decodable {
    let value: Attribute

    private enum Key: CodingKey { case kind, value }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Key.self)
      switch try container.decode(String.self, forKey: .kind) {
      case "INT": value = .int(try container.decode(Int.self, forKey: .value))
      case "INTS": value = .ints(try container.decode([Int].self, forKey: .value))
      case "FLOAT": value = .float(try container.decode(Float.self, forKey: .value))
      case "FLOATS": value = .floats(try container.decode([Float].self, forKey: .value))
      default: value = .string(try container.decode(String.self, forKey: .value))
      }
    }
  }

  let `operator`: String
  let name: String
  let attributes: [String: EncodedAttribute]
  let inputs: [EncodedTensor?]
  let outputs: [EncodedTensor?]
  let rtol: Double
  let atol: Double

  /// The cases of `operators`.
  static func load(_ operators: [String]) throws -> [StandardCase] {
    let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "onnx_node_cases.py")
    let output = try Python.run(file: script.path, arguments: operators)
    let decoder = JSONDecoder()
    decoder.dataDecodingStrategy = .base64
    return try decoder.decode([StandardCase].self, from: Data(output.utf8))
  }

  /// Runs the operator on the case's inputs with one thread and with three; returns what is wrong, nil if nothing.
  func failure() -> String? {
    do {
      var node = SingleNode(
        op: OperatorName(`operator`), attributes: attributes.mapValues(\.value), outputs: outputs.count)
      let inputs = try inputs.map { try $0?.tensor() }
      let results = try node.run(inputs)
      node.threads = 3
      for (result, again) in zip(results, try node.run(inputs)) where !result.isBitwiseEqual(to: again) {
        return "\(name): the result depends on the number of threads"
      }
      for (index, expected) in outputs.enumerated() {
        guard let expected = try expected?.tensor() else { continue }
        if let difference = results[index].difference(from: expected, relative: rtol, absolute: atol) {
          return "\(name): output \(index): \(difference)"
        }
      }
      return nil
    } catch {
      return "\(name): \(error)"
    }
  }
}

extension Tensor {
  /// Whether type, shape and every bit agree.
  func isBitwiseEqual(to other: Tensor) -> Bool {
    guard elementType == other.elementType, shape == other.shape, let a = bytes, let b = other.bytes else {
      return false
    }
    return a.withUnsafeBytes { a in b.withUnsafeBytes { b in a.elementsEqual(b) } }
  }

  /// The elements as `Double`, for comparison.
  var doubles: [Double] {
    switch elementType {
    case .float32: elements(Float.self).map(Double.init)
    case .float64: elements(Double.self)
    case .float16: elements(Float16.self).map(Double.init)
    case .bfloat16: (HalfWidth.widen(self)?.elements(Float.self) ?? []).map(Double.init)
    case .bool: elements(Bool.self).map { $0 ? 1 : 0 }
    case .uint64: elements(UInt64.self).map(Double.init)
    default: (integers ?? []).map(Double.init)
    }
  }

  /// How this tensor differs from `expected` beyond |a - b| <= absolute + relative·|b|; nil if it does not.
  func difference(from expected: Tensor, relative: Double, absolute: Double) -> String? {
    guard elementType == expected.elementType, shape == expected.shape else {
      return "is \(self), expected \(expected)"
    }
    for (index, (a, b)) in zip(doubles, expected.doubles).enumerated() {
      if a == b || (a.isNaN && b.isNaN) { continue }
      if !(abs(a - b) <= absolute + relative * abs(b)) { return "element \(index) is \(a), expected \(b)" }
    }
    return nil
  }
}
