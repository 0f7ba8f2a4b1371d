import Foundation
import ONNXParse
import TestSupport
import Testing

@testable import GraphRuntime

/// Models in old spellings give the results of NumPy and ONNX Runtime; so do the same models written again.
@Suite(.needsPython)
struct OpsetUpgradeResultTests {
  @Test func oldSpellingsGiveTheRightResults() throws {
    try Referee.withFolder { folder in
      try Referee.run("old_opsets.py", folder.path)
      let cases = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      #expect(cases.count > 70)
      for example in cases.sorted(by: { $0.path < $1.path }) {
        do {
          try check(example)
        } catch {
          Issue.record("\(example.lastPathComponent): \(error)")
        }
      }
    }
  }

  private func check(_ folder: URL) throws {
    let name = folder.lastPathComponent
    var graph = try Graph(importing: Model(contentsOf: folder.appending(path: "model.onnx").path))
    guard graph.nodes.allSatisfy({ OperatorRegistry.standard[$0.op] != nil }) else { return }
    let inputs = Dictionary(
      uniqueKeysWithValues: try Referee.tensors("input", in: folder).map { ($0.name, $0.tensor) })
    let expected = try Referee.tensors("output", in: folder).map(\.tensor)
    try compare(try graph.interpreted(inputs), expected, name)
    try graph.inferTypes()
    try compare(try graph.interpreted(inputs), expected, name + ", typed")
    let again = try Graph(importing: Model(exporting: graph))
    try compare(try again.interpreted(inputs), expected, name + ", exported")
  }

  private func compare(_ results: [Tensor], _ expected: [Tensor], _ name: String) throws {
    #expect(results.count == expected.count, "\(name)")
    for (result, expected) in zip(results, expected) {
      if let difference = Difference(result, expected) { Issue.record("\(name): \(difference)") }
    }
  }
}
