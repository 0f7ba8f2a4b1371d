import TestSupport
import Testing

@testable import GraphRuntime

/// Real models give the same before and after optimisation.
@Suite("Passes on real models")
struct RealModelPassTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let model: String
    let shape: [Int]
    var testDescription: String { model }
  }

  static let cases = [
    Case(model: "googlenet", shape: [1, 3, 224, 224]), Case(model: "squeezenet1.1", shape: [1, 3, 224, 224]),
    Case(model: "cifar10-resnet20", shape: [2, 3, 32, 32]),
    Case(model: "resnet50-trunk", shape: [1, 3, 97, 65]),
    Case(model: "ifcnn-max-2in", shape: [1, 3, 40, 56]),
  ]

  @Test(.needsShared, arguments: cases) func keepResults(_ model: Case) throws {
    let graph = try Graph(contentsOf: Shared.path("data/models/\(model.model).onnx"))
    var noise = Noise(5)
    var inputs: [String: Tensor] = [:]
    for input in graph.inputs where graph.initializers[input] == nil {
      var shape = model.shape
      // Models from Keras have their channels last.
      if graph[input].type?.tensor?.shape?.last?.value == 3 {
        shape = [shape[0], shape[2], shape[3], shape[1]]
      }
      inputs[graph[input].name] = Tensor(
        (0..<shape.reduce(1, *)).map { _ in 50 * noise.next() }, shape: shape)
    }
    var plain = Session.Options()
    plain.optimization = .none
    let expected = try Session(graph, options: plain).run(inputs)
    let session = try Session(graph)
    #expect(session.passReports.contains { $0.changes > 0 })
    let actual = try session.run(inputs)
    #expect(Set(actual.keys) == Set(expected.keys))
    for (name, tensor) in expected {
      let largest = tensor.doubles.map(abs).max() ?? 0
      let difference = actual[name]?.difference(from: tensor, relative: 0, absolute: 1e-5 * largest)
      #expect(difference == nil, "\(name)")
    }
  }
}
