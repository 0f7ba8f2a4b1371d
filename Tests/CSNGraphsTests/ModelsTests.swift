import GraphRuntime
import ImageFiles
import SampleScenes
import TestSupport
import Testing

@testable import CSNGraphs

@Suite("What is committed under Models/")
struct ModelsTests {
  static let directory = packageRoot + "/Models"

  @Test("the analytic fusion model is what its recipe makes")
  func analyticModel() throws {
    let committed = try Graph(contentsOf: Self.directory + "/analytic-fusion.onnx")
    let built = try FusionGraphBuilder.buildAnalytic().graph
    #expect(committed.nodes.map(\.op) == built.nodes.map(\.op))
    func weights(_ graph: Graph) -> [String: [Float]] {
      var weights: [String: [Float]] = [:]
      for (id, tensor) in graph.initializers where tensor.elementType == .float32 {
        weights[graph[id].name] = tensor.elements(Float.self)
      }
      return weights
    }
    let (ours, theirs) = (weights(built), weights(committed))
    #expect(Set(ours.keys) == Set(theirs.keys))
    // Another machine's exp and cos may differ in the last digits.
    for (name, values) in ours { #expect(FusionTests.largestDifference(values, theirs[name] ?? []) < 1e-6) }
  }

  @Test(
    "the sample pictures are what is drawn",
    .enabled(if: isOptimized, "drawing takes minutes in a debug build"))
  func samples() throws {
    let focus = FocusScene.photographs()
    let night = NightScene.photographs()
    let pictures = [
      ("flower-near", focus.near), ("flower-far", focus.far), ("street-infrared", night.infrared),
      ("street-visible", night.visible),
    ]
    for (name, drawn) in pictures {
      guard case .eight(let committed) = try PNG.read(from: "\(Self.directory)/samples/\(name).png").samples
      else {
        Issue.record("\(name).png has 16 bits")
        continue
      }
      #expect(committed.count == drawn.count)
      // Where another machine's sine falls on the other side of an outline, single pixels may differ.
      let different = zip(committed, drawn).count { abs(Int($0) - Int($1)) > 1 }
      #expect(different * 1000 < drawn.count, "\(name): \(different) of \(drawn.count)")
    }
  }

  /// Whether this is a release build: assertions are not evaluated there.
  static let isOptimized: Bool = {
    var optimized = true
    assert({ optimized = false }() == ())
    return optimized
  }()
}
