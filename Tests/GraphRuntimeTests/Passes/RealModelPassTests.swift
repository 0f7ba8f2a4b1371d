import ONNXParse
import TestSupport
import Testing

@testable import GraphRuntime

/// Real models give the same before and after optimisation, and what ONNX Runtime gives.
@Suite("Passes on real models", .serialized)
struct RealModelPassTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let model: String
    let shape: [Int]
    var testDescription: String { model }
    var path: String { Shared.path("data/models/\(model).onnx") }

    /// Noise for every input that is not a constant.
    func inputs(of graph: Graph) -> [String: Tensor] {
      var noise = Noise(5)
      var inputs: [String: Tensor] = [:]
      for input in graph.inputs where graph.initializers[input] == nil {
        var shape = shape
        // Models from Keras have their channels last.
        if graph[input].type?.tensor?.shape?.last?.value == 3 {
          shape = [shape[0], shape[2], shape[3], shape[1]]
        }
        inputs[graph[input].name] = Tensor(
          (0..<shape.reduce(1, *)).map { _ in 50 * noise.next() }, shape: shape)
      }
      return inputs
    }
  }

  static let cases = [
    Case(model: "googlenet", shape: [1, 3, 224, 224]), Case(model: "squeezenet1.1", shape: [1, 3, 224, 224]),
    Case(model: "cifar10-resnet20", shape: [2, 3, 32, 32]),
    Case(model: "resnet50-trunk", shape: [1, 3, 97, 65]),
    Case(model: "ifcnn-max-2in", shape: [1, 3, 40, 56]),
  ]

  @Test(.needsShared, arguments: cases) func keepResults(_ model: Case) throws {
    let graph = try Graph(contentsOf: model.path)
    let inputs = model.inputs(of: graph)
    var plain = Session.Options()
    plain.optimization = .none
    let expected = try Session(graph, options: plain).run(inputs)
    let session = try Session(graph)
    #expect(session.passReports.contains { $0.changes > 0 })
    let actual = try session.run(inputs)
    #expect(Set(actual.keys) == Set(expected.keys))
    for (name, tensor) in expected { expectClose(actual[name], tensor, name) }
  }

  @Test(.needsShared, .needsPython, arguments: cases) func agreeWithONNXRuntime(_ model: Case) throws {
    let graph = try Graph(contentsOf: model.path)
    let inputs = model.inputs(of: graph)
    let session = try Session(graph)
    let actual = try session.run(inputs)
    for (name, tensor) in try Referee.onnxRuntime(model.path, inputs) {
      expectClose(actual[name], tensor, name)
    }
    try Referee.withFolder { folder in
      let path = folder.appending(path: "optimised.onnx").path
      try Model(exporting: session.graph).write(to: path)
      for (name, tensor) in try Referee.onnxRuntime(path, inputs) { expectClose(actual[name], tensor, name) }
    }
  }

  /// Expects agreement to 1e-5 of the largest magnitude.
  private func expectClose(_ actual: Tensor?, _ expected: Tensor, _ name: String) {
    let largest = expected.doubles.map(abs).max() ?? 0
    #expect(largest.isFinite && largest > 0, "\(name)")
    guard let actual else {
      Issue.record("\(name) is missing")
      return
    }
    let difference = actual.difference(from: expected, relative: 0, absolute: 1e-5 * largest)
    #expect(difference == nil, "\(name)")
  }
}
