extension Graph {
  /// How many nodes of each operator there are, those of subgraphs included.
  public var operatorCounts: [String: Int] {
    var counts: [String: Int] = [:]
    for node in nodes {
      counts[node.op.description, default: 0] += 1
      for subgraph in node.attributes.values.flatMap(\.subgraphs) {
        counts.merge(subgraph.graph.operatorCounts, uniquingKeysWith: +)
      }
    }
    return counts
  }

  /// The number of elements of all constants, those of subgraphs included.
  public var parameterCount: Int {
    let own = initializers.values.reduce(0) { $0 + $1.count }
    let bodies = nodes.flatMap { $0.attributes.values.flatMap(\.subgraphs) }
    return bodies.reduce(own) { $0 + $1.graph.parameterCount }
  }
}

extension Plan {
  /// The multiply-adds of all steps that count them, as the operators' definitions ask for them.
  public var multiplyAdds: Int { steps.reduce(0) { $0 + ($1.multiplyAdds ?? 0) } }
}
