import GraphRuntime
import TestSupport
import Testing

@testable import CSNGraphs

@Suite("Exported graphs in ONNX Runtime", .needsPython)
struct ExportTests {
  static func expectEqual(_ ours: [String: Tensor], _ theirs: [String: Tensor]) throws {
    #expect(Set(ours.keys) == Set(theirs.keys))
    for (name, tensor) in ours {
      let other = try #require(theirs[name])
      #expect(tensor.shape == other.shape)
      let difference = FusionTests.largestDifference(tensor.elements(Float.self), other.elements(Float.self))
      #expect(difference <= 1e-4, "\(name) differs by \(difference)")
    }
  }

  @Test(
    "a CSN passes the checker and gives the same numbers", arguments: CSNVersion.allCases,
    Integration.allCases)
  func csn(version: CSNVersion, integration: Integration) throws {
    for channelsLast in [false, true] {
      let built = try CSNBuilder.build(
        from: MiniBackbone(channelsLast: channelsLast).graph(),
        options: CSNOptions(version: version, integration: integration))
      let images = CSNTests.pictures(3)
      try Self.expectEqual(
        try CSNTests.run(built.graph, images), Referee.outputs(of: built.graph, images: images))
    }
  }

  @Test("the fusion graph passes the checker and gives the same numbers", arguments: FusionRule.allCases)
  func fusion(rule: FusionRule) throws {
    let graph = try FusionGraphBuilder.build(
      from: [MiniBackbone().graph()], options: FusionOptions(rule: rule)
    ).graph
    let images = Tensor(
      (1...2).flatMap { FusionTests.picture(height: 37, width: 50, seed: UInt64($0)) }, shape: [2, 3, 37, 50])
    try Self.expectEqual(
      try Session(graph).run(["images": images]), Referee.outputs(of: graph, images: images))
  }
}
