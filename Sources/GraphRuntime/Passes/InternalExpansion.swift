extension Graph {
  /// The same graph in standard operators alone: what only the runtime knows is taken apart again.
  /// - Throws: `GraphError` when the result is not valid.
  public func expandingInternalOperators() throws -> Graph {
    var patch = GraphPatch(for: self)
    for node in nodes where node.op == FusedConvolution.name {
      try FusedConvolution.expand(node, type: node.output(0).flatMap { values[$0]?.type }, into: &patch)
    }
    var result = self
    if !patch.isEmpty { try result.apply(patch) }
    return result
  }
}
