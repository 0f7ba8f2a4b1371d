/// Moves zero padding of the spatial axes into the convolution behind it.
struct PadFolding: Pass {
  let name = "pad-folding"

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
        sums.allSatisfy({ !$0.overflow && $0.partialValue <= PadAmounts.mostOfConvolutions })
      else { continue }
      convolution.attributes["pads"] = .ints(sums.map(\.partialValue))
      convolution.inputs[0] = pad.input(0)
      patch.replace(convolution)
      patch.remove(pad.id)
      patch.countChange()
    }
    return patch
  }

  /// The amounts as Conv has them; nil where `pad` does anything but add zeros there.
  private func spatialZeroPads(_ pad: Node, _ index: GraphIndex) -> [Int]? {
    guard pad.attributes["mode"]?.string ?? "constant" == "constant" else { return nil }
    if let value = pad.input(2) {
      guard let constant = index.constant(value), constant.elementType == .float32,
        constant.elements(Float.self).allSatisfy({ $0 == 0 })
      else { return nil }
    }
    return index.padAmounts(pad)?.windowPads
  }
}

extension GraphIndex {
  /// The amounts of a Pad node; nil where they or the rank are not known.
  func padAmounts(_ pad: Node) -> PadAmounts? {
    PadAmounts(pad, rank: tensorType(pad.input(0))?.shape?.count) { constant(pad.input($0)) }
  }
}
