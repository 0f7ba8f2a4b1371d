import CKernels

/// Normalisation across channels on blocked tensors.
enum BlockedNormalization {
  /// LRN.
  static let localResponse = BlockedImplementation(
    form: { query in
      guard query.isImage(query.input(0)), var lrn = try lrn(query.node) else { return nil }
      var tensor = csn_tensor_make(CSN_BLOCKED, 1, 16, 1, 1, 0, 0, 0, 0)
      return csn_lrn_check(&lrn, &tensor, &tensor) == CSN_OK ? BlockedForm(inputs: [0]) : nil
    },
    kernel: { builder in
      let (x, y) = (try builder.input(0), try builder.output())
      guard let lrn = try lrn(builder.node) else {
        throw GraphError(.invalidAttribute, "'size' is too large")
      }
      let (input, output) = (x.tensor, y.tensor)
      builder.emit { memory in
        var (lrn, input, output) = (lrn, input, output)
        csn_lrn_run(&lrn, &input, memory.pointer(x.slot), &output, memory.pointer(y.slot), memory.pool)
      }
    })

  private static func lrn(_ node: Node) throws -> csn_lrn? {
    guard let size = Int32(exactly: try node.int("size")) else { return nil }
    return csn_lrn(
      size: size, alpha: try node.float("alpha", default: 0.0001),
      beta: try node.float("beta", default: 0.75),
      bias: try node.float("bias", default: 1))
  }
}
