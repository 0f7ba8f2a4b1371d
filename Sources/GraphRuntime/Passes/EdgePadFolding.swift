/// Moves padding by the nearest pixels into the convolution behind it, which becomes one of the runtime's own: kernels then
/// find these pixels where they are, and no padded tensor is written and read.
struct EdgePadFolding: Pass {
  let name = "edge-pad-folding"

  func patch(for graph: Graph) throws -> GraphPatch {
    let index = GraphIndex(graph)
    var patch = GraphPatch(for: graph)
    for pad in graph.nodes where pad.op == "Pad" && pad.attributes["mode"]?.string == "edge" {
      guard let output = pad.output(0), let type = index.tensorType(output), type.elementType == .float32,
        type.shape?.count == 4, var convolution = index.soleConsumer(of: output),
        convolution.op == "Conv" || convolution.op == FusedConvolution.name, convolution.input(0) == output,
        isUnpadded(convolution),
        let pads = index.padAmounts(pad)?.windowPads, pads.allSatisfy({ $0 <= PadAmounts.mostOfConvolutions })
      else { continue }
      convolution.op = FusedConvolution.name
      convolution.inputs[0] = pad.input(0)
      convolution.attributes["pads"] = .ints(pads)
      convolution.attributes["padding"] = .string("edge")
      patch.replace(convolution)
      patch.remove(pad.id)
      patch.countChange()
    }
    return patch
  }

  /// Whether a convolution has no padding of its own, which would lie around that before it.
  private func isUnpadded(_ convolution: Node) -> Bool {
    ["", "NOTSET"].contains(convolution.attributes["auto_pad"]?.string ?? "")
      && (convolution.attributes["pads"]?.ints ?? []).allSatisfy { $0 == 0 }
  }
}
