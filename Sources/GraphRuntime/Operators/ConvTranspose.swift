/// ConvTranspose: X [N, C, D1...], W [C, M/group, k1...], B [M]? -> Y [N, M, d1...] (ONNX ConvTranspose-22).
enum TransposedConvolutions {
  static let operators: [Operator] = [
    Operator(
      "ConvTranspose", inputs: 2...3, infer: { try infer(&$0) },
      kernel: floating(TransposedConvolutionKernel.self))
  ]

  private static func infer(_ inference: inout TypeInference) throws {
    let type = inference.elementType(0)
    guard let x = inference.shape(0) else { return inference.set(0, type, nil) }
    guard x.count >= 3 else { throw inference.mismatch("the input must have at least 3 axes [N, C, D1...]") }
    let w = inference.shape(1)
    if let w, w.count != x.count {
      throw inference.mismatch("the weights must have \(x.count) axes as the input has")
    }
    let groups = try inference.node.int("group", default: 1)
    guard groups > 0, (x[1].value ?? 0) % groups == 0 else {
      throw inference.mismatch("the channels can't be divided into \(groups) groups")
    }
    if let channels = x[1].value, let rows = w?[0].value, channels != rows {
      throw inference.mismatch("the weights have \(rows) input channels, but the input has \(channels)")
    }
    let outputs = w.map { $0[1] * .fixed(groups) } ?? .unknown
    try inference.requireVector(2, of: outputs, "the bias must have the output channels")
    guard
      let kernel = try w.flatMap({ Array($0.dropFirst(2)).concrete }) ?? inference.node.ints("kernel_shape"),
      kernel.count == x.count - 2
    else {
      return inference.set(0, type, [x[0], outputs] + [Dimension](repeating: .unknown, count: x.count - 2))
    }
    let extents = try TransposedWindow(inference.node, kernel: kernel)
    let shape = extents.outputShape(Array(x.dropFirst(2)))
    guard shape.allSatisfy({ ($0.value ?? 0) >= 0 }) else {
      throw inference.mismatch("padding leaves nothing of the output \(shape)")
    }
    inference.set(0, type, [x[0], outputs] + shape)
  }
}

/// The window of a transposed convolution: `WindowAttributes`, and what adds to or fixes the output.
private struct TransposedWindow {
  let window: WindowAttributes
  let outputPadding: [Int]
  /// The spatial output extents that the node asks for.
  let outputShape: [Int]?

  init(_ node: Node, kernel: [Int]) throws {
    window = try WindowAttributes(node, kernel: kernel)
    let rank = kernel.count
    let padding = try node.ints("output_padding") ?? []
    guard padding.isEmpty || padding.count == rank && padding.allSatisfy({ (0..<1 << 30).contains($0) })
    else {
      throw GraphError(.invalidAttribute, "output_padding \(padding) does not fit a window of \(rank) axes")
    }
    outputPadding = padding.isEmpty ? [Int](repeating: 0, count: rank) : padding
    let shape = try node.ints("output_shape") ?? []
    guard shape.isEmpty || shape.count >= rank && shape.allSatisfy({ (0..<1 << 30).contains($0) }) else {
      throw GraphError(.invalidAttribute, "output_shape \(shape) does not fit a window of \(rank) axes")
    }
    outputShape = shape.isEmpty ? nil : Array(shape.suffix(rank))
  }

  /// What the windows cover of the output, before padding is cut off.
  private func span(_ axis: Int, _ input: Dimension) -> Dimension {
    (input - 1) * .fixed(window.strides[axis]) + .fixed(outputPadding[axis] + window.reach(axis))
  }

  func outputShape(_ input: Shape) -> Shape {
    if let outputShape { return Shape(outputShape) }
    return input.indices.map { axis in
      switch window.autoPad {
      case .sameUpper, .sameLower: input[axis] * .fixed(window.strides[axis])
      case .valid, .notSet:
        span(axis, input[axis]) - .fixed(window.pads[axis] + window.pads[axis + window.rank])
      }
    }
  }

  /// What is cut off before each axis of the output.
  func padsBefore(input: [Int], output: [Int]) -> [Int] {
    let isFixed = outputShape != nil || window.autoPad == .sameUpper || window.autoPad == .sameLower
    return input.indices.map { axis in
      guard isFixed, let span = span(axis, .fixed(input[axis])).value else { return window.pads[axis] }
      let total = max(span - output[axis], 0)
      return window.autoPad == .sameUpper ? total / 2 : total - total / 2
    }
  }
}

/// One output plane a chunk: the product of the transposed weights with the input, added at the taps' places.
private struct TransposedConvolutionKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, w, y) = (try builder.input(0), try builder.input(1), try builder.output())
    let bias = builder.optionalInput(2)
    guard y.count > 0 else { return }
    let transposed = try TransposedWindow(builder.node, kernel: Array(w.shape.dropFirst(2)))
    let (input, output) = (Array(x.shape.dropFirst(2)), Array(y.shape.dropFirst(2)))
    // The output is what the windows of the forward convolution read.
    let geometry = WindowGeometry(
      input: output, output: input, kernel: transposed.window.kernel, strides: transposed.window.strides,
      dilations: transposed.window.dilations, before: transposed.padsBefore(input: input, output: output),
      after: [Int](repeating: 0, count: input.count))
    let groups = try builder.node.int("group", default: 1)
    let (outputs, channels) = (y.shape[1], x.shape[1] / groups)
    let share = w.shape[1]
    let (taps, positions, plane) = (geometry.taps, geometry.outputCount, geometry.inputCount)
    guard max(taps * share, positions, channels) <= Int(Int32.max) else {
      throw GraphError(.limitExceeded, "a convolution of \(x.type) by \(w.type) is too large")
    }
    let scratch = builder.addScratch(
      byteCount: builder.threads * taps * positions * MemoryLayout<Element>.stride)
    builder.emit { memory in
      memory.parallel(y.shape[0] * outputs) { chunk, worker in
        let (image, channel) = (chunk / outputs, chunk % outputs)
        let target = memory.output(y, as: Element.self) + chunk * plane
        target.update(repeating: bias.map { memory.input($0, as: Element.self)[channel] } ?? 0, count: plane)
        guard channels > 0, positions > 0 else { return }
        let columns = memory.pointer(scratch, as: Element.self) + worker * taps * positions
        let group = channel / share
        Element.gemm(
          GEMMCall(
            m: taps, n: positions, k: channels,
            a: memory.input(w, as: Element.self) + (group * channels * share + channel % share) * taps,
            lda: share * taps, transposeA: true,
            b: memory.input(x, as: Element.self) + (image * groups + group) * channels * positions,
            ldb: positions,
            c: columns, ldc: positions, alpha: 1, beta: 0))
        geometry.scatter(columns, into: target)
      }
    }
  }
}
