/// Convolution and its transposed form.
enum Convolutions {
  static let operators: [Operator] = [convolution, FusedConvolution.fused]

  /// Conv: X [N, C, D1...], W [M, C/group, k1...], B [M]? -> Y [N, M, d1...] (ONNX Conv-22).
  private static let convolution = Operator(
    "Conv", inputs: 2...3, infer: { try inferShape(&$0) }, kernel: floating(ConvolutionKernel.self))

  /// The shape rule of every convolution: the output's type is the input's unless `elementType` says otherwise.
  static func inferShape(
    _ inference: inout TypeInference, elementType: ElementType? = nil, weights: Int = 1, biasInput: Int? = 2
  ) throws {
    let type = elementType ?? inference.elementType(0)
    guard let x = inference.shape(0) else { return inference.set(0, type, nil) }
    let w = inference.shape(weights)
    guard x.count >= 3 else { throw inference.mismatch("the input must have at least 3 axes [N, C, D1...]") }
    if let w, w.count != x.count {
      throw inference.mismatch("the weights must have \(x.count) axes as the input has")
    }
    try checkChannels(inference, x: x, w: w, biasInput: biasInput)
    let declared = try inference.node.ints("kernel_shape")
    guard let kernel = w.flatMap({ Array($0.dropFirst(2)).concrete }) ?? declared else {
      return inference.set(
        0, type, [x[0], w?[0] ?? .unknown] + [Dimension](repeating: .unknown, count: x.count - 2))
    }
    guard kernel.count == x.count - 2, declared == nil || declared == [] || declared == kernel else {
      throw inference.mismatch("kernel_shape \(declared ?? kernel) does not fit the weights")
    }
    let attributes = try WindowAttributes(inference.node, kernel: kernel)
    inference.set(0, type, [x[0], w?[0] ?? .unknown] + (try attributes.outputShape(Array(x.dropFirst(2)))))
  }

  private static func checkChannels(
    _ inference: TypeInference, x: Shape, w: Shape?, biasInput: Int?
  ) throws {
    let groups = try inference.node.int("group", default: 1)
    guard groups > 0 else {
      throw GraphError(.invalidAttribute, "'group' must be positive, but is \(groups)")
    }
    guard let w else { return }
    if let channels = x[1].value, let perGroup = w[1].value {
      guard channels % groups == 0, channels / groups == perGroup else {
        let share = groups == 1 ? "" : " in \(groups) groups"
        throw inference.mismatch(
          "the weights have \(perGroup) input channels, but the input has \(channels)\(share)")
      }
    }
    if let outputs = w[0].value, outputs % groups != 0 {
      throw inference.mismatch("\(outputs) output channels can't be divided into \(groups) groups")
    }
    if let biasInput {
      try inference.requireVector(biasInput, of: w[0], "the bias must have the output channels")
    }
  }
}

/// Row-major convolution of any rank.
struct ConvolutionKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let convolution = try Convolution<Element>(builder)
    try convolution.emit(into: &builder)
  }
}

/// A convolution of concrete extents, ready to be laid out as steps.
struct Convolution<Element: FloatingElement> {
  let x, w: KernelBuilder.Operand
  let bias: KernelBuilder.Operand?
  let y: KernelBuilder.Operand
  let groups: Int
  let geometry: WindowGeometry
  /// What is added to the products, element by element.
  let residual: KernelBuilder.Operand?
  /// What results are clamped to.
  let clamp: FusedConvolution.Clamp?

  var inputChannels: Int { w.shape[1] }
  var outputChannels: Int { w.shape[0] / groups }
  /// The extent that a product sums over.
  var depth: Int { inputChannels * geometry.taps }

  init(
    _ builder: KernelBuilder, residual: KernelBuilder.Operand? = nil, clamp: FusedConvolution.Clamp? = nil
  ) throws {
    self.residual = residual
    self.clamp = clamp
    x = try builder.input(0)
    w = try builder.input(1)
    bias = builder.optionalInput(2)
    y = try builder.output()
    groups = try builder.node.int("group", default: 1)
    let attributes = try WindowAttributes(builder.node, kernel: Array(w.shape.dropFirst(2)))
    geometry = WindowGeometry(
      attributes, input: Array(x.shape.dropFirst(2)), output: Array(y.shape.dropFirst(2)))
  }

  /// Picks the way to compute: row by row for few channels a group, through a matrix product for the rest.
  func emit(into builder: inout KernelBuilder) throws {
    guard y.count > 0 else { return }
    if outputChannels < 4 && inputChannels < 4 || depth == 0 {
      emitRows(into: &builder)
    } else {
      try emitProduct(into: &builder)
    }
  }

  /// Lets `count` outputs of channel `channel` from `offset` on start from bias and residual.
  @inline(__always)
  private func begin(_ channel: Int, at offset: Int, count: Int, _ memory: StepMemory) {
    let target = memory.output(y, as: Element.self) + offset
    let start: Element = bias.map { memory.input($0, as: Element.self)[channel] } ?? 0
    if let residual {
      let source = memory.input(residual, as: Element.self) + offset
      for index in 0..<count { target[index] = source[index] + start }
    } else {
      target.update(repeating: start, count: count)
    }
  }

  /// Applies the activation to `count` outputs from `offset` on.
  @inline(__always)
  private func finish(at offset: Int, count: Int, _ memory: StepMemory) {
    guard let clamp else { return }
    let (low, high) = (Element(clamp.low), Element(clamp.high))
    let target = memory.output(y, as: Element.self) + offset
    for index in 0..<count {
      let raised = target[index] < low ? low : target[index]
      target[index] = raised > high ? high : raised
    }
  }
}

// MARK: - Row by row

extension Convolution {
  /// One output plane a chunk; every tap adds a scaled, shifted input row to an output row.
  private func emitRows(into builder: inout KernelBuilder) {
    let convolution = self
    let (outputs, plane) = (w.shape[0], geometry.outputCount)
    builder.emit { memory in
      let x = memory.input(convolution.x, as: Element.self)
      let w = memory.input(convolution.w, as: Element.self)
      let y = memory.output(convolution.y, as: Element.self)
      memory.parallel(convolution.y.shape[0] * outputs) { chunk, _ in
        let (image, output) = (chunk / outputs, chunk % outputs)
        let group = image * convolution.groups + output / convolution.outputChannels
        convolution.begin(output, at: chunk * plane, count: plane, memory)
        convolution.addPlane(
          x: x + group * convolution.inputChannels * convolution.geometry.inputCount,
          w: w + output * convolution.depth, y: y + chunk * plane)
        convolution.finish(at: chunk * plane, count: plane, memory)
      }
    }
  }

  private func addPlane(
    x: UnsafePointer<Element>, w: UnsafePointer<Element>, y: UnsafeMutablePointer<Element>
  ) {
    let rowLength = geometry.output[geometry.rank - 1]
    let stride = geometry.strides[geometry.rank - 1]
    for channel in 0..<inputChannels {
      for tap in 0..<geometry.taps {
        let weight = w[channel * geometry.taps + tap]
        geometry.forEachRow(tap: tap) { row, start, columns in
          let source = x + channel * geometry.inputCount + start
          let target = y + row * rowLength
          if stride == 1 {
            for column in columns { target[column] += weight * source[column] }
          } else {
            for column in columns { target[column] += weight * source[column * stride] }
          }
        }
      }
    }
  }
}

// MARK: - As a matrix product

extension Convolution {
  /// Output positions of one chunk: enough for the product to run well, few enough for its operand to stay in cache.
  private var tile: Int {
    let fitting = (1 << 18) / MemoryLayout<Element>.stride / max(depth, 1) / 16 * 16
    return min(max(fitting, 64), 1024, geometry.outputCount)
  }

  /// Whether the input is its own operand: 1x1 windows, stride 1, no padding.
  private var isPointwise: Bool {
    geometry.taps == 1 && geometry.strides.allSatisfy { $0 == 1 } && geometry.input == geometry.output
      && geometry.before.allSatisfy { $0 == 0 }
  }

  /// Y = W·columns(X), a tile of output positions a chunk (im2col).
  private func emitProduct(into builder: inout KernelBuilder) throws {
    guard max(depth, outputChannels, geometry.inputCount, geometry.outputCount) <= Int(Int32.max) else {
      throw GraphError(.limitExceeded, "a convolution of \(x.type) by \(w.type) is too large")
    }
    let convolution = self
    let (geometry, tile, pointwise) = (self.geometry, self.tile, isPointwise)
    let tiles = ceilDivide(geometry.outputCount, tile)
    let columns =
      pointwise
      ? nil : builder.addScratch(byteCount: builder.threads * depth * tile * MemoryLayout<Element>.stride)
    builder.emit { memory in
      let x = memory.input(convolution.x, as: Element.self)
      memory.parallel(convolution.y.shape[0] * convolution.groups * tiles) { chunk, worker in
        let (part, tileIndex) = (chunk / tiles, chunk % tiles)
        let range = tileIndex * tile..<min(tileIndex * tile + tile, geometry.outputCount)
        let source = x + part * convolution.inputChannels * geometry.inputCount
        if let columns {
          let matrix = memory.pointer(columns, as: Element.self) + worker * convolution.depth * tile
          convolution.gather(source, range, into: matrix)
          convolution.multiply(part, matrix, ldb: range.count, range, memory)
        } else {
          convolution.multiply(part, source + range.lowerBound, ldb: geometry.inputCount, range, memory)
        }
      }
    }
  }

  /// Computes the output positions `range` of `part` (image and group joined) from their columns.
  private func multiply(
    _ part: Int, _ columns: UnsafePointer<Element>, ldb: Int, _ range: Range<Int>, _ memory: StepMemory
  ) {
    let row = geometry.outputCount
    let group = part % groups
    let first = part * outputChannels * row + range.lowerBound
    let adds = bias != nil || residual != nil
    if adds {
      for channel in 0..<outputChannels {
        begin(group * outputChannels + channel, at: first + channel * row, count: range.count, memory)
      }
    }
    Element.gemm(
      GEMMCall(
        m: outputChannels, n: range.count, k: depth,
        a: memory.input(w, as: Element.self) + group * outputChannels * depth, lda: depth, b: columns,
        ldb: ldb,
        c: memory.output(y, as: Element.self) + first, ldc: row, alpha: 1, beta: adds ? 1 : 0))
    for channel in 0..<outputChannels { finish(at: first + channel * row, count: range.count, memory) }
  }

  /// Lays the inputs of the windows `range` out as columns: one row a channel and tap.
  private func gather(
    _ x: UnsafePointer<Element>, _ range: Range<Int>, into matrix: UnsafeMutablePointer<Element>
  ) {
    let last = geometry.rank - 1
    let rowLength = geometry.output[last]
    let stride = geometry.strides[last]
    let firstRow = range.lowerBound / rowLength
    let lastRow = (range.upperBound - 1) / rowLength
    for tap in 0..<geometry.taps {
      let lastTap = geometry.tap(tap, last)
      let valid = geometry.validOutputs(last, tap: lastTap)
      let shift = lastTap * geometry.dilations[last] - geometry.before[last]
      for row in firstRow...lastRow {
        let columns =
          max(range.lowerBound - row * rowLength, 0)..<min(range.upperBound - row * rowLength, rowLength)
        let start = geometry.inputRow(row, tap: tap)
        let inside = start == nil ? columns.lowerBound..<columns.lowerBound : valid.clamped(to: columns)
        for channel in 0..<inputChannels {
          let target =
            matrix + (channel * geometry.taps + tap) * range.count + (row * rowLength - range.lowerBound)
          let source = x + channel * geometry.inputCount + (start ?? 0) + shift
          for column in columns.lowerBound..<inside.lowerBound { target[column] = 0 }
          if stride == 1 {
            for column in inside { target[column] = source[column] }
          } else {
            for column in inside { target[column] = source[column * stride] }
          }
          for column in inside.upperBound..<columns.upperBound { target[column] = 0 }
        }
      }
    }
  }
}
