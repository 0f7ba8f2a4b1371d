/// Piecewise linear functions, which integers have too: Relu, Clip, PRelu, Shrink.
enum Rectifiers {
  static let operators: [Operator] = [relu, clip, pRelu, shrink]

  /// Relu: max(x, 0) (ONNX Relu-14).
  private static let relu = Operator(
    "Relu", inputs: 1...1, sharing: .overwrites([0]), infer: { $0.same() }, kernel: numeric(ReluKernel.self))

  /// Clip: min(max, max(x, min)), limits optional scalars (ONNX Clip-13).
  private static let clip = Operator(
    "Clip", inputs: 1...3, sharing: .overwrites([0]), infer: { $0.same() }, kernel: numeric(ClipKernel.self))

  /// PRelu: x < 0 ? slope·x : x, slope broadcast to x (ONNX PRelu-16).
  private static let pRelu = Operator(
    "PRelu", inputs: 2...2, sharing: .overwrites([0]),
    infer: { inference in
      if let x = inference.shape(0) { try inference.requireBroadcast(1, to: x) }
      inference.same()
    }, kernel: numeric(PReluKernel.self))

  /// Shrink: x < -lambd ? x + bias : x > lambd ? x - bias : 0 (ONNX Shrink-9).
  private static let shrink = Operator(
    "Shrink", inputs: 1...1, sharing: .overwrites([0]), infer: { $0.same() },
    kernel: numeric(ShrinkKernel.self))
}

private struct ReluKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    builder.emit { memory in
      let (source, target) = (memory.buffer(x, as: Element.self), memory.buffer(y, as: Element.self))
      memory.forEachStretch(of: y.count) { range in
        // A NaN stays: the comparison is false for it.
        for index in range { target[index] = source[index] < 0 ? 0 : source[index] }
      }
    }
  }
}

private struct ClipKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    let (low, high) = (builder.optionalInput(1), builder.optionalInput(2))
    for limit in [low, high] {
      if let limit, limit.count != 1 || limit.elementType != x.elementType {
        throw GraphError(
          .shapeMismatch, "the limits of Clip must be scalars of type \(x.elementType), not \(limit.type)")
      }
    }
    builder.emit { memory in
      let (source, target) = (memory.buffer(x, as: Element.self), memory.buffer(y, as: Element.self))
      let low = low.map { memory.pointer($0.slot, as: Element.self)[0] }
      let high = high.map { memory.pointer($0.slot, as: Element.self)[0] }
      memory.forEachStretch(of: y.count) { range in
        // The upper limit wins where the limits cross, and a NaN stays.
        switch (low, high) {
        case (let low?, let high?):
          for index in range {
            let raised = source[index] < low ? low : source[index]
            target[index] = raised > high ? high : raised
          }
        case (let low?, nil): for index in range { target[index] = source[index] < low ? low : source[index] }
        case (nil, let high?):
          for index in range { target[index] = source[index] > high ? high : source[index] }
        case (nil, nil): for index in range { target[index] = source[index] }
        }
      }
    }
  }
}

private struct PReluKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, slope, y) = (try builder.input(0), try builder.input(1), try builder.output())
    let rows = BroadcastRows(slope.shape, to: y.shape)
    guard y.count > 0 else { return }
    builder.emit { memory in
      let source = memory.pointer(x.slot, as: Element.self)
      let target = memory.pointer(y.slot, as: Element.self)
      let slopes = memory.pointer(slope.slot, as: Element.self)
      memory.forEachStretch(of: rows.count, weight: rows.length) { range in
        for row in range {
          let start = row * rows.length
          let slope = slopes + rows.offset(row)
          for column in 0..<rows.length {
            let value = source[start + column]
            target[start + column] =
              value < 0 ? value.times(slope[column * rows.step]) : value
          }
        }
      }
    }
  }
}

private struct ShrinkKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    let (limit, bias) = (
      try builder.node.float("lambd", default: 0.5), try builder.node.float("bias", default: 0)
    )
    builder.emit { memory in
      let (source, target) = (memory.buffer(x, as: Element.self), memory.buffer(y, as: Element.self))
      memory.forEachStretch(of: y.count) { range in
        for index in range { target[index] = shrink(source[index], limit, bias) }
      }
    }
  }

  /// Computed in `Double`, so that integers meet a fractional limit as the standard's reference does.
  private static func shrink<Element: NumericElement>(_ x: Element, _ limit: Float, _ bias: Float) -> Element
  {
    let value = x.double
    let result =
      value < -Double(limit) ? value + Double(bias) : value > Double(limit) ? value - Double(bias) : 0
    return Element(clamping: result)
  }
}
