import CKernels

/// Padding and resizing of the planes of blocked tensors.
enum BlockedSpatial {
  /// Pad of the two spatial axes by constant amounts.
  static let pad = BlockedImplementation(
    form: { query in
      guard query.isImage(query.input(0)), query.isImage(query.outputs.first ?? nil),
        var pad = try pad(query),
        let input = query.shape(0), let output = query.outputShape
      else { return nil }
      var (from, to) = (csn_tensor(images: input), csn_tensor(images: output))
      return csn_pad_check(&pad, &from, &to) == CSN_OK ? BlockedForm(inputs: [0]) : nil
    },
    kernel: { builder in
      let (x, y) = (try builder.input(0), try builder.output())
      guard let pad = try pad(BlockedQuery(builder)) else {
        throw GraphError(.invalidGraph, "the amounts of padding are not constants")
      }
      let (input, output) = (x.tensor, y.tensor)
      builder.emit { memory in
        var (pad, input, output) = (pad, input, output)
        csn_pad_run(&pad, &input, memory.pointer(x.slot), &output, memory.pointer(y.slot), memory.pool)
      }
    })

  private static func pad(_ query: BlockedQuery) throws -> csn_pad? {
    guard let amounts = PadAmounts(query.node, rank: 4, constant: query.constant),
      (amounts.before.prefix(2) + amounts.after.prefix(2)).allSatisfy({ $0 == 0 })
    else { return nil }
    let modes = [
      "constant": CSN_PAD_CONSTANT, "edge": CSN_PAD_EDGE, "reflect": CSN_PAD_REFLECT, "wrap": CSN_PAD_WRAP,
    ]
    var value: Float = 0
    if query.input(2) != nil {
      guard let constant = query.constant(2), constant.elementType == .float32, constant.count == 1 else {
        return nil
      }
      value = constant.elements(Float.self)[0]
    }
    guard let mode = modes[try query.node.string("mode", default: "constant")],
      let top = Int32(exactly: amounts.before[2]), let left = Int32(exactly: amounts.before[3])
    else { return nil }
    return csn_pad(mode: mode, top: top, left: left, value: value)
  }

  /// Resize of the two spatial axes to the nearest pixel or linearly.
  static let resize = BlockedImplementation(
    form: { try taps($0) == nil ? nil : BlockedForm(inputs: [0]) },
    kernel: { builder in
      let (x, y) = (try builder.input(0), try builder.output())
      guard let taps = try taps(BlockedQuery(builder)) else {
        throw GraphError(.invalidGraph, "the scales are not constants")
      }
      let (input, output) = (x.tensor, y.tensor)
      builder.emit { memory in
        var (input, output) = (input, output)
        csn_resize_run(
          taps.rows, taps.columns, &input, memory.pointer(x.slot), &output, memory.pointer(y.slot),
          memory.pool)
      }
    })

  /// The pixels that every row and every column is made of; nil where they are more than two, or not known.
  private static func taps(_ query: BlockedQuery) throws -> (
    rows: [csn_resize_tap], columns: [csn_resize_tap]
  )? {
    let attributes = try ResizeAttributes(query.node)
    guard query.isImage(query.input(0)), query.isImage(query.outputs.first ?? nil), attributes.mode != .cubic,
      attributes.transformation != .cropAndResize, !attributes.antialias, !attributes.excludesOutside,
      // What is not known or does not fit, the row-major kernel reports.
      let axes = try? Resizing.axes(query, attributes),
      axes[..<2].allSatisfy({ $0.isIdentity(attributes.transformation) })
    else { return nil }
    return (taps(axes[2], attributes), taps(axes[3], attributes))
  }

  private static func taps(_ axis: ResizeAxis, _ attributes: ResizeAttributes) -> [csn_resize_tap] {
    func tap(_ first: Int, _ second: Int, _ weight: Double) -> csn_resize_tap {
      csn_resize_tap(first: Int32(first), second: Int32(second), weight: Float(weight))
    }
    if attributes.mode == .nearest || axis.isIdentity(attributes.transformation) {
      return axis.nearest(attributes).map { tap($0, $0, 0) }
    }
    let taps = axis.taps(attributes)
    return stride(from: 0, to: 2 * axis.output, by: 2).map {
      tap(taps.indices[$0], taps.indices[$0 + 1], taps.weights[$0 + 1])
    }
  }
}

extension BlockedQuery {
  /// The query about the node whose kernel is prepared.
  init(_ builder: KernelBuilder) {
    self.init(
      node: builder.node, inputs: builder.inputs.map { $0?.type }, outputs: builder.outputs.map { $0?.type },
      constants: builder.inputs.map { $0?.constant })
  }
}

extension csn_tensor {
  /// Images of extents [N, C, H, W] in memory of their own.
  init(images shape: [Int], as layout: csn_layout = CSN_BLOCKED) {
    self = csn_tensor_make(
      layout, Int32(shape[0]), Int32(shape[1]), Int32(shape[2]), Int32(shape[3]), 0, 0, 0, 0)
  }
}
