/// DeformConv: convolution whose taps read at offsets of their own, weighted by a mask (ONNX DeformConv-22): inputs
/// X [N, C, H, W], W [M, C/group, kH, kW], offset [N, offset_group·kH·kW·2, oH, oW], B?, mask?.
enum DeformableConvolution {
  static let operators: [Operator] = [
    Operator("DeformConv", inputs: 3...5, infer: { try infer(&$0) }, kernel: floating(DeformableKernel.self))
  ]

  private static func infer(_ inference: inout TypeInference) throws {
    guard inference.shape(0)?.count ?? 4 == 4 else {
      throw inference.mismatch("only images [N, C, H, W] can be convolved here")
    }
    try Convolutions.inferShape(&inference, biasInput: 3)
    let groups = try inference.node.int("offset_group", default: 1)
    guard groups > 0, (inference.shape(0)?[1].value ?? groups) % groups == 0 else {
      throw inference.mismatch("the channels can't be divided into \(groups) offset groups")
    }
    guard let y = inference.outputTypes.first??.tensor?.shape, let taps = inference.shape(1)?.dropFirst(2)
    else { return }
    let count = taps.reduce(.fixed(groups), *)
    for (index, channels) in [(2, count * 2), (4, count)] where inference.has(index) {
      guard let shape = inference.shape(index) else { continue }
      let expected: Shape = [y[0], channels, y[2], y[3]]
      guard shape.count == 4,
        zip(shape, expected).allSatisfy({ $0.value == nil || $1.value == nil || $0 == $1 })
      else { throw inference.mismatch("input \(index) must be \(expected)") }
    }
  }
}

private struct DeformableKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let deformable = try Deformable<Element>(builder)
    let (y, groups) = (deformable.y, deformable.groups)
    guard y.count > 0 else { return }
    let perGroup = y.shape[1] / groups
    let plane = deformable.geometry.outputCount
    let depth = deformable.w.shape[1] * deformable.geometry.taps
    guard max(perGroup, plane, depth) <= Int(Int32.max) else {
      throw GraphError(
        .limitExceeded, "a convolution of \(deformable.x.type) by \(deformable.w.type) is too large")
    }
    let scratch = builder.addScratch(
      byteCount: builder.threads * depth * plane * MemoryLayout<Element>.stride)
    let bias = builder.optionalInput(3)
    builder.emit { memory in
      memory.parallel(y.shape[0] * groups) { chunk, worker in
        let (image, group) = (chunk / groups, chunk % groups)
        let columns = memory.pointer(scratch, as: Element.self) + worker * depth * plane
        deformable.gather(image, group, into: columns, memory)
        let target = memory.output(y, as: Element.self) + chunk * perGroup * plane
        for channel in 0..<perGroup {
          let start = bias.map { memory.input($0, as: Element.self)[group * perGroup + channel] } ?? 0
          (target + channel * plane).update(repeating: start, count: plane)
        }
        guard depth > 0 else { return }
        Element.gemm(
          GEMMCall(
            m: perGroup, n: plane, k: depth,
            a: memory.input(deformable.w, as: Element.self) + group * perGroup * depth, lda: depth,
            b: columns,
            ldb: plane, c: target, ldc: plane, alpha: 1, beta: 1))
      }
    }
  }

  private struct Deformable<Element: FloatingElement> {
    let x, w, offset, y: KernelBuilder.Operand
    let mask: KernelBuilder.Operand?
    let groups, offsetGroups: Int
    let geometry: WindowGeometry

    init(_ builder: KernelBuilder) throws {
      (x, w, offset) = (try builder.input(0), try builder.input(1), try builder.input(2))
      (y, mask) = (try builder.output(), builder.optionalInput(4))
      groups = try builder.node.int("group", default: 1)
      offsetGroups = try builder.node.int("offset_group", default: 1)
      geometry = WindowGeometry(
        try WindowAttributes(builder.node, kernel: Array(w.shape.dropFirst(2))),
        input: Array(x.shape.dropFirst(2)),
        output: Array(y.shape.dropFirst(2)))
    }

    /// Samples the inputs of all windows: one row a channel of the group and tap.
    func gather(_ image: Int, _ group: Int, into columns: UnsafeMutablePointer<Element>, _ memory: StepMemory)
    {
      let (taps, plane, channels) = (geometry.taps, geometry.outputCount, w.shape[1])
      let offsets = memory.input(offset, as: Element.self) + image * offsetGroups * taps * 2 * plane
      let masks = mask.map { memory.input($0, as: Element.self) + image * offsetGroups * taps * plane }
      for channel in 0..<channels {
        let input = group * channels + channel
        let offsetGroup = input / max(x.shape[1] / offsetGroups, 1)
        let source = memory.input(x, as: Element.self) + (image * x.shape[1] + input) * geometry.inputCount
        for tap in 0..<taps {
          let row = offsetGroup * taps + tap
          let target = columns + (channel * taps + tap) * plane
          for position in 0..<plane {
            let (y, x) = (position / geometry.output[1], position % geometry.output[1])
            let sample = BilinearSample<Element>(
              zeroPaddedAt: Element(geometry.place(0, y, tap)) + offsets[2 * row * plane + position],
              Element(geometry.place(1, x, tap)) + offsets[(2 * row + 1) * plane + position],
              height: geometry.input[0], width: geometry.input[1])
            target[position] = sample.value(source) * (masks?[row * plane + position] ?? 1)
          }
        }
      }
    }
  }
}

extension WindowGeometry {
  /// Where along `axis` tap `tap` of window `position` reads.
  fileprivate func place(_ axis: Int, _ position: Int, _ tap: Int) -> Int {
    position * strides[axis] + self.tap(tap, axis) * dilations[axis] - before[axis]
  }
}
