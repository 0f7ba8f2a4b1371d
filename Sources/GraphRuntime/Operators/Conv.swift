/// Convolutions (ONNX Conv-22, ConvInteger-10).
enum Convolutions {
  static let operators: [Operator] = [convolution]

  /// Conv: X [N, C, D1...], W [M, C/group, k1...], B [M]? -> Y [N, M, d1...] (ONNX Conv-22).
  private static let convolution = Operator(
    "Conv", inputs: 2...3, infer: { try inferShape(&$0) }, kernel: floating(ConvolutionKernel.self))

  /// The shape rule of every convolution: the output's type is the input's unless `elementType` says otherwise.
  static func inferShape(_ inference: inout TypeInference, elementType: ElementType? = nil) throws {
    let type = elementType ?? inference.elementType(0)
    guard let x = inference.shape(0) else { return inference.set(0, type, nil) }
    let w = inference.shape(1)
    guard x.count >= 3 else { throw inference.mismatch("the input must have at least 3 axes [N, C, D1...]") }
    if let w, w.count != x.count {
      throw inference.mismatch("the weights must have \(x.count) axes as the input has")
    }
    try checkChannels(inference, x: x, w: w)
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

  private static func checkChannels(_ inference: TypeInference, x: Shape, w: Shape?) throws {
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
    if inference.has(2), let bias = inference.shape(2), let extent = bias.first?.value,
      let outputs = w[0].value
    {
      guard bias.count == 1, extent == outputs else {
        throw inference.mismatch("the bias must have the \(outputs) output channels")
      }
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

  var inputChannels: Int { w.shape[1] }
  var outputChannels: Int { w.shape[0] / groups }
  /// The extent that a product sums over.
  var depth: Int { inputChannels * geometry.taps }

  init(_ builder: KernelBuilder) throws {
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

  /// The value an output channel starts from.
  static func bias(_ bias: KernelBuilder.Operand?, _ memory: StepMemory) -> UnsafeMutablePointer<Element>? {
    bias.map { memory.pointer($0.slot, as: Element.self) }
  }
}

// MARK: - Row by row

extension Convolution {
  /// One output plane a chunk; every tap adds a scaled, shifted input row to an output row.
  private func emitRows(into builder: inout KernelBuilder) {
    let convolution = self
    let outputs = w.shape[0]
    builder.emit { memory in
      let x = memory.pointer(convolution.x.slot, as: Element.self)
      let w = memory.pointer(convolution.w.slot, as: Element.self)
      let y = memory.pointer(convolution.y.slot, as: Element.self)
      let bias = Self.bias(convolution.bias, memory)
      memory.parallel(convolution.y.shape[0] * outputs) { plane, _ in
        let (image, output) = (plane / outputs, plane % outputs)
        convolution.addPlane(
          x: x + (image * convolution.groups + output / convolution.outputChannels)
            * convolution.inputChannels
            * convolution.geometry.inputCount,
          w: w + output * convolution.depth, y: y + plane * convolution.geometry.outputCount,
          bias: bias?[output] ?? 0)
      }
    }
  }

  private func addPlane(
    x: UnsafePointer<Element>, w: UnsafePointer<Element>, y: UnsafeMutablePointer<Element>, bias: Element
  ) {
    let plane = geometry.outputCount
    for index in 0..<plane { y[index] = bias }
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
    let (tile, pointwise) = (self.tile, isPointwise)
    let tiles = ceilDivide(geometry.outputCount, tile)
    let columns =
      pointwise
      ? nil : builder.addScratch(byteCount: builder.threads * depth * tile * MemoryLayout<Element>.stride)
    builder.emit { memory in
      let x = memory.pointer(convolution.x.slot, as: Element.self)
      let y = memory.pointer(convolution.y.slot, as: Element.self)
      memory.parallel(convolution.y.shape[0] * convolution.groups * tiles) { chunk, worker in
        let (batch, tileIndex) = (chunk / tiles, chunk % tiles)
        let range = tileIndex * tile..<min(tileIndex * tile + tile, convolution.geometry.outputCount)
        let source = x + batch * convolution.inputChannels * convolution.geometry.inputCount
        let target = y + batch * convolution.outputChannels * convolution.geometry.outputCount
        if let columns {
          let matrix = memory.pointer(columns, as: Element.self) + worker * convolution.depth * tile
          convolution.gather(source, range, into: matrix)
          convolution.multiply(
            batch % convolution.groups, matrix, ldb: range.count, target + range.lowerBound, range.count,
            memory)
        } else {
          convolution.multiply(
            batch % convolution.groups, source + range.lowerBound, ldb: convolution.geometry.inputCount,
            target + range.lowerBound, range.count, memory)
        }
      }
    }
  }

  private func multiply(
    _ group: Int, _ columns: UnsafePointer<Element>, ldb: Int, _ target: UnsafeMutablePointer<Element>,
    _ count: Int,
    _ memory: StepMemory
  ) {
    let row = geometry.outputCount
    if let bias = Self.bias(bias, memory) {
      for channel in 0..<outputChannels {
        let value = bias[group * outputChannels + channel]
        for index in 0..<count { target[channel * row + index] = value }
      }
    }
    Element.gemm(
      GEMMCall(
        m: outputChannels, n: count, k: depth,
        a: memory.pointer(w.slot, as: Element.self) + group * outputChannels * depth, lda: depth, b: columns,
        ldb: ldb,
        c: target, ldc: row, alpha: 1, beta: bias == nil ? 0 : 1))
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
