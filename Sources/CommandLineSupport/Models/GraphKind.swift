import CSNGraphs
import GraphRuntime

/// The kinds of graph that this project builds.
enum GraphKind {
  case similarityNetwork, fusion

  /// The kind that the graph's maker wrote into it, or, where that was lost on the way, the one whose interface it has as a
  /// whole; nil for a stranger's, whatever its inputs and outputs are called.
  init?(_ graph: Graph) {
    let inputs = graph.inputs.filter { graph.initializers[$0] == nil }
    guard inputs.map({ graph[$0].name }) == ["images"] else { return nil }
    let outputs = Set(graph.outputs.map { graph[$0].name })
    switch graph.metadata[CSNMetadata.kind] {
    case "fusion" where outputs.contains("fused"): self = .fusion
    case "csn" where outputs.contains("probabilities"): self = .similarityNetwork
    case nil where outputs.contains("fused"): self = .fusion
    case nil where outputs.isSuperset(of: ["probabilities", "features", "similarity"]):
      self = .similarityNetwork
    default: return nil
    }
  }

  /// How many pictures there are where nobody says: a fusion graph needs two to have anything to do.
  static func nominalBatch(_ kind: GraphKind?) -> Int { kind == .fusion ? 2 : 1 }
}
