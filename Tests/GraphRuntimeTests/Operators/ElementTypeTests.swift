import Foundation
import TestSupport
import Testing

@testable import GraphRuntime

/// Inputs of one ONNX type variable must be of one element type: kernels read them all in it.
@Suite struct ElementTypeTests {
  private func error(_ op: OperatorName, _ types: [ElementType?], of shape: Shape? = nil) -> GraphError? {
    var graph = Graph()
    let inputs = types.enumerated().map { index, type in
      graph.addInput("x\(index)", type.map { .tensor(TensorType($0, shape)) })
    }
    let y = graph.addValue("y")
    graph.addNode(op, name: "node", inputs: inputs, outputs: [y])
    graph.addOutput(y)
    do {
      try graph.inferTypes()
      return nil
    } catch {
      return error as? GraphError
    }
  }

  @Test(arguments: ["Add", "Concat", "MatMul", "PRelu", "LayerNormalization", "Max", "Less", "Conv"])
  func widerAndNarrowerOperandsAreRefused(op: OperatorName) {
    for types in [[ElementType.float64, .float32], [.float32, .float64]] {
      let error = error(op, types)
      #expect(error?.category == .unsupportedType)
      #expect(error?.message.contains("inputs 0 and 1 must be of one element type") == true)
    }
  }

  @Test func theInterpreterRefusesThemToo() {
    let (wide, narrow) = (
      Tensor([Int64](repeating: 1, count: 64), shape: [64]), Tensor([Int8(1)], shape: [1])
    )
    let condition = Tensor([true], shape: [1])
    for (op, inputs): (OperatorName, [Tensor]) in [
      ("Add", [wide, narrow]), ("Where", [condition, wide, narrow]), ("Where", [condition, narrow, wide]),
      ("ScatterElements", [wide, Tensor([Int64(0)], shape: [1]), narrow]),
      ("Range", [Tensor(scalar: Int64(0)), Tensor(scalar: Int64(4)), Tensor(scalar: Int8(1))]),
    ] {
      let error = #expect(throws: GraphError.self) { try SingleNodeEvaluation(op: op).run(inputs) }
      #expect(error?.category == .unsupportedType || op == "Range")
    }
  }

  @Test func theScaleOfRMSNormalizationMayHaveATypeOfItsOwn() throws {
    let x = Tensor([Double(3), 4], shape: [1, 2])
    let result = try SingleNodeEvaluation(op: "RMSNormalization").run([x, Tensor([Float(1), 2], shape: [2])])
    let norm = (12.5 + 1e-5).squareRoot()
    #expect(result.elementType == .float32)
    #expect(zip(result.doubles, [3 / norm, 8 / norm]).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  /// Operators whose kernels take each input in its own type.
  private static let tolerant: Set<OperatorName> = [
    "BatchNormalization", "ConvInteger", "DequantizeLinear", "MatMulInteger", "MaxUnpool", "MelWeightMatrix",
    "QLinearConv", "QLinearMatMul", "STFT", "SequenceConstruct", "Slice", "StringConcat",
  ]

  /// Every operator's schema, as the onnx package has it, against the table.
  @Test(.needsPython) func theTableHasWhatTheStandardAsks() throws {
    let script = """
      import onnx.defs as defs
      for schema in defs.get_all_schemas():
          groups = {}
          for index, port in enumerate(schema.inputs):
              variadic = port.option == defs.OpSchema.FormalParameterOption.Variadic
              if port.type_str.startswith('tensor(') or (variadic and not port.is_homogeneous): continue
              groups.setdefault(port.type_str, []).extend([index, index + 1] if variadic else [index])
          for group in groups.values():
              if len(group) > 1 and not schema.deprecated:
                  print(schema.domain or '-', schema.name, schema.min_input, *group)
      """
    var count = 0
    for line in try Python.run(script).split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      let op = OperatorName(words[1], domain: words[0] == "-" ? "" : words[0])
      let numbers = words.dropFirst(2).compactMap { Int($0) }
      let group = numbers.dropFirst()
      guard OperatorRegistry.standard[op] != nil, !Self.tolerant.contains(op), let first = group.first else {
        continue
      }
      for other in group.dropFirst() {
        var types = [ElementType?](repeating: nil, count: max(numbers[0], other + 1))
        (types[first], types[other]) = (.float32, .float64)
        #expect(
          error(op, types)?.message.contains("one element type") == true,
          "\(op.description) \(first) \(other)")
        count += 1
      }
    }
    #expect(count > 50)
  }
}
