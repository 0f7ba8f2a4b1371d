/// Moves zero padding of the spatial axes into the convolution behind it.
struct PadFolding: Pass {
  let name = "pad-folding"
  /// More padding than convolutions take.
  private static let largestPad = 1 << 20

  func patch(for graph: Graph) throws -> GraphPatch {
    let index = GraphIndex(graph)
    var patch = GraphPatch(for: graph)
    for pad in graph.nodes where pad.op == "Pad" {
      guard let output = pad.output(0), var convolution = index.soleConsumer(of: output),
        convolution.op == "Conv",
        convolution.input(0) == output, let extra = spatialZeroPads(pad, index),
        ["", "NOTSET"].contains(convolution.attributes["auto_pad"]?.string ?? "")
      else { continue }
      let pads = convolution.attributes["pads"]?.ints ?? [Int](repeating: 0, count: extra.count)
      let sums = zip(pads, extra).map { $0.addingReportingOverflow($1) }
      guard pads.count == extra.count,
        sums.allSatisfy({ !$0.overflow && $0.partialValue <= Self.largestPad })
      else { continue }
      convolution.attributes["pads"] = .ints(sums.map(\.partialValue))
      convolution.inputs[0] = pad.input(0)
      patch.replace(convolution)
      patch.remove(pad.id)
      patch.countChange()
    }
    return patch
  }

  /// The pads of the axes behind [N, C], in Conv's order; nil where `pad` does anything but add zeros there.
  private func spatialZeroPads(_ pad: Node, _ index: GraphIndex) -> [Int]? {
    guard pad.attributes["mode"]?.string ?? "constant" == "constant",
      let rank = index.tensorType(pad.input(0))?.shape?.count,
      rank > 2, let given = index.constant(pad.input(1))?.integers
    else { return nil }
    if let value = pad.input(2) {
      guard let constant = index.constant(value), constant.elementType == .float32,
        constant.elements(Float.self).allSatisfy({ $0 == 0 })
      else { return nil }
    }
    var axes = Array(0..<rank)
    if let chosen = pad.input(3) {
      guard let constant = index.constant(chosen)?.integers else { return nil }
      axes = constant.map { $0 < 0 ? $0 + rank : $0 }
    }
    guard given.count == 2 * axes.count, given.allSatisfy({ $0 >= 0 }) else { return nil }
    var pads = [Int](repeating: 0, count: 2 * rank)
    for (position, axis) in axes.enumerated() where (0..<rank).contains(axis) {
      pads[axis] = given[position]
      pads[axis + rank] = given[position + axes.count]
    }
    guard pads[0] == 0, pads[1] == 0, pads[rank] == 0, pads[rank + 1] == 0 else { return nil }
    return Array(pads[2..<rank]) + Array(pads[(rank + 2)...])
  }
}
