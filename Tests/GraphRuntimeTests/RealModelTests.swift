import Foundation
import ONNXParse
import TestSupport
import Testing

@testable import GraphRuntime

/// Whole networks trained elsewhere, from file to result, beside ONNX Runtime and beside recorded outputs.
@Suite(.serialized, .needsPython)
struct RealModelTests {
  private static let models = URL(filePath: Shared.path("data/models"))

  private func session(_ name: String) throws -> Session {
    try Session(Graph(importing: Model(contentsOf: Self.models.appending(path: name).path)))
  }

  @Test(.needsShared)
  func googLeNetNamesTheLabelledPictures() throws {
    let session = try session("googlenet.onnx")
    try Referee.withFolder { folder in
      try Referee.run("googlenet_inputs.py", Shared.path("data/labelled"), folder.path)
      let pictures = try Referee.tensors("input", in: folder)
      let expected = try Referee.tensors("output", in: folder)
      #expect(pictures.count == 13)
      for (picture, top) in zip(pictures, expected) {
        let outputs = try session.run([session.inputs[0].name: picture.tensor])
        let probabilities = try #require(outputs[session.outputs[0].name]).elements(Float.self)
        let ranked = probabilities.indices.sorted { probabilities[$0] > probabilities[$1] }.prefix(5)
        let numbers = top.tensor.elements(Double.self)
        #expect(ranked.map(Double.init) == Array(numbers.prefix(5)), "\(picture.name)")
        for (guess, probability) in zip(ranked, numbers.dropFirst(5)) {
          #expect(abs(Double(probabilities[guess]) - probability) < 1e-4, "\(picture.name)")
        }
      }
    }
  }

  @Test(.needsShared, arguments: 0..<3)
  func squeezeNetGivesItsRecordedOutputs(recording: Int) throws {
    let session = try session("squeezenet1.1.onnx")
    try Referee.withFolder { folder in
      try Referee.run(
        "npz_to_tensors.py", Self.models.appending(path: "squeezenet1.1-io/\(recording).npz").path,
        folder.path)
      let arrays = Dictionary(
        uniqueKeysWithValues: try Referee.tensors("array", in: folder).map { ($0.name, $0.tensor) })
      let inputs = arrays.filter { array in session.inputs.contains { $0.name == array.key } }
      let output = session.outputs[0].name
      let result = try #require(try session.run(inputs)[output])
      let expected = try #require(arrays[output])
      #expect(relativeError(result, expected) < 1e-3)
    }
  }

  @Test(.needsShared, arguments: [[224, 224], [321, 257]])
  func resNet50TrunkAgreesWithONNXRuntime(size: [Int]) throws {
    let session = try session("resnet50-trunk.onnx")
    let input = Tensor.pseudoRandom([1, 3] + size)
    try compare(session, Self.models.appending(path: "resnet50-trunk.onnx"), [session.inputs[0].name: input])
  }

  @Test(
    .needsShared,
    arguments: [
      "ifcnn-max-2in", "ifcnn-sum-2in", "ifcnn-mean-2in", "ifcnn-max-3in", "ifcnn-mean-4in", "ifcnn-mean-5in",
    ])
  func fusionNetworksAgreeWithONNXRuntime(name: String) throws {
    let session = try session("\(name).onnx")
    var inputs: [String: Tensor] = [:]
    for (index, port) in session.inputs.enumerated() {
      inputs[port.name] = Tensor.pseudoRandom([1, 3, 45, 38], seed: UInt64(index))
    }
    try compare(session, Self.models.appending(path: "\(name).onnx"), inputs)
  }

  @Test(.needsShared, arguments: [1, 3])
  func cifarResNetAgreesWithONNXRuntime(batch: Int) throws {
    let session = try session("cifar10-resnet20.onnx")
    try compare(
      session, Self.models.appending(path: "cifar10-resnet20.onnx"),
      [session.inputs[0].name: .pseudoRandom([batch, 3, 32, 32])])
  }

  /// Inputs and recorded outputs are those of the standard's own test runner.
  @Test(arguments: RealModelImportTests.lightModels)
  func lightZooModelsGiveTheirRecordedOutputs(path: URL) throws {
    let session = try Session(Graph(importing: Model(contentsOf: path.path)))
    var inputs: [String: Tensor] = [:]
    for port in session.inputs {
      let shape = try #require(port.type?.tensor?.concreteShape)
      let count = shape.reduce(1, *)
      inputs[port.name] = Tensor((0..<count).map { Float(Double($0) / Double(count)) }, shape: shape)
    }
    let recorded = path.deletingPathExtension().path + "_output_0.pb"
    let expected = try Tensor(TensorProto(contentsOf: recorded))
    let result = try #require(try session.run(inputs)[session.outputs[0].name])
    if let difference = Difference(result, expected, rtol: 1e-3, atol: 1e-7) {
      Issue.record("\(path.lastPathComponent): \(difference)")
    }
  }

  private func compare(_ session: Session, _ model: URL, _ inputs: [String: Tensor]) throws {
    let expected = try Referee.onnxRuntime(model.path, inputs)
    let results = try session.run(inputs)
    #expect(expected.count == results.count)
    for (name, tensor) in expected {
      let result = try #require(results[name])
      #expect(result.shape == tensor.shape)
      #expect(relativeError(result, tensor) < 1e-4, "\(name)")
    }
  }

  /// The largest difference over the largest magnitude.
  private func relativeError(_ a: Tensor, _ b: Tensor) -> Double {
    let (x, y) = (a.numbers, b.numbers)
    guard x.count == y.count, let largest = y.map(abs).max(), largest > 0 else { return .infinity }
    return (zip(x, y).map { abs($0 - $1) }.max() ?? .infinity) / largest
  }
}
