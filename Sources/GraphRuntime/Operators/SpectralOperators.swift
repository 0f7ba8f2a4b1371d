import ONNXParse
import RealModule

/// Operators on spectra: DFT-20, STFT-17, MelWeightMatrix-17.
enum SpectralOperators {
  static let operators: [Operator] = [
    Operator("DFT", inputs: 1...3, infer: inferDFT, kernel: floating(DFTKernel.self)),
    Operator("STFT", inputs: 2...4, infer: inferSTFT, kernel: floating(STFTKernel.self)),
    Operator(
      "MelWeightMatrix", inputs: 5...5,
      infer: { inference in
        let bins = inference.shapeValue(0)?.first ?? .unknown
        let length = inference.shapeValue(1)?.first.map { Dimension.floorDivide($0, by: 2) + 1 }
        let type = try ElementType(onnx: inference.node.int("output_datatype", default: 1))
        inference.set(0, type, [length ?? .unknown, bins])
      }, evaluate: melWeights),
  ]

  /// More points than any signal has.
  fileprivate static let longestTransform = 1 << 22

  @Sendable private static func inferDFT(_ inference: inout TypeInference) throws {
    guard var shape = inference.shape(0) else { return inference.set(0, inference.elementType(0), nil) }
    guard shape.count >= 2 else { throw inference.mismatch("the input must have 2 axes or more") }
    let given = try inference.has(2) ? inference.integers(2)?.first : -2
    guard let given else { return inference.set(0, inference.elementType(0), shape.map { _ in .unknown }) }
    let axis = try inference.normalized(given, rank: shape.count)
    guard axis < shape.count - 1 else { throw inference.mismatch("the last axis holds the complex numbers") }
    let oneSided = try inference.node.flag("onesided", default: false)
    let inverse = try inference.node.flag("inverse", default: false)
    var length = inference.has(1) ? inference.shapeValue(1)?.first ?? .unknown : shape[axis]
    if oneSided, inverse, !inference.has(1) { length = (shape[axis] - 1) * 2 }
    if let length = length.value, length < 1 { throw inference.mismatch("a transform of \(length) points") }
    shape[axis] = oneSided && !inverse ? Dimension.floorDivide(length, by: 2) + 1 : length
    shape[shape.count - 1] = oneSided && inverse ? 1 : 2
    inference.set(0, inference.elementType(0), shape)
  }

  @Sendable private static func inferSTFT(_ inference: inout TypeInference) throws {
    guard let signal = inference.shape(0) else { return inference.set(0, inference.elementType(0), nil) }
    guard signal.count == 3 else { throw inference.mismatch("the signal must be [batch, length, 1 or 2]") }
    let length: Dimension =
      inference.has(3)
      ? inference.shapeValue(3)?.first ?? .unknown
      : inference.has(2) ? inference.shape(2)?.first ?? .unknown : signal[1]
    var frames: Dimension = .unknown
    if let step = try inference.integers(1)?.first {
      guard step > 0 else { throw inference.mismatch("a frame step of \(step)") }
      frames = Dimension.floorDivide(signal[1] - length, by: step) + 1
    }
    if let frames = frames.value, frames < 0 { throw inference.mismatch("a frame is longer than the signal") }
    let oneSided = try inference.node.flag("onesided", default: true)
    inference.set(
      0, inference.elementType(0),
      [signal[0], frames, oneSided ? Dimension.floorDivide(length, by: 2) + 1 : length, 2])
  }

  /// Triangles over the bins of a one-sided spectrum, evenly spaced on the mel scale.
  private static func melWeights(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let values = try (0..<5).map { index in
      guard let value = try evaluation.tensor(index).firstNumber, value.isFinite else {
        throw GraphError(.invalidInput, "input \(index) must be a number")
      }
      return value
    }
    let (bins, length, rate) = (Int(Int32(clamping: values[0])), Int(Int32(clamping: values[1])), values[2])
    guard bins > 0, length > 0, rate > 0, bins <= longestTransform,
      (length / 2 + 1).multipliedReportingOverflow(by: bins).partialValue <= longestTransform
    else { throw GraphError(.invalidInput, "\(bins) bands of a transform of \(length) points can't be made") }
    let rows = length / 2 + 1
    func mel(_ hertz: Double) -> Double { 2595 * .log10(1 + hertz / 700) }
    let (low, high) = (mel(values[3]), mel(values[4]))
    let step = (high - low) / Double(bins + 2)
    let edges = (0..<bins + 2).map { index in
      let hertz = 700 * (Double.pow(10, (low + Double(index) * step) / 2595) - 1)
      return Int(Int32(clamping: (Double(length + 1) * hertz / rate).rounded(.down)))
    }
    guard edges.allSatisfy((0..<rows + 1).contains) else {
      throw GraphError(.invalidInput, "the bands reach beyond the spectrum")
    }
    var weights = [Float](repeating: 0, count: rows * bins)
    for band in 0..<bins {
      let (start, centre, end) = (edges[band], edges[band + 1], edges[band + 2])
      for row in start...max(start, centre) where row < rows {
        weights[row * bins + band] = centre == start ? 1 : Float(row - start) / Float(centre - start)
      }
      for row in centre..<max(centre, end) where row < rows {
        weights[row * bins + band] = Float(end - row) / Float(end - centre)
      }
    }
    let type = try evaluation.node.int("output_datatype", default: 1)
    return [
      .tensor(try evaluation.compute("Cast", [Tensor(weights, shape: [rows, bins])], ["to": .int(type)]))
    ]
  }
}

private enum DFTKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let inverse = try builder.node.flag("inverse", default: false)
    let isReal = target.shape.last == 1
    let given = try builder.optionalIntegers(2)?.first ?? -2
    let axis = given < 0 ? given + source.shape.count : given
    guard let parts = source.shape.last, parts == 1 || parts == 2, axis >= 0, axis < source.shape.count - 1
    else {
      throw GraphError(.shapeMismatch, "the input's last axis must hold 1 or 2 parts, not \(source.shape)")
    }
    let taken = source.shape[axis]
    let made = target.shape[axis]
    let length = try builder.optionalIntegers(1)?.first ?? (isReal ? made : taken)
    guard (1...SpectralOperators.longestTransform).contains(length) else {
      throw GraphError(.limitExceeded, "a transform of \(length) points")
    }
    let inner = source.shape[(axis + 1)..<(source.shape.count - 1)].reduce(1, *)
    let outer = source.shape[..<axis].reduce(1, *)
    let transform = FourierTransform(length: length)
    builder.emit { memory in
      let from = memory.input(source, as: Element.self)
      let to = memory.output(target, as: Element.self)
      memory.forEachStretch(of: outer * inner, weight: 64 * length) {
        for line in $0 {
          let (block, place) = line.quotientAndRemainder(dividingBy: inner)
          var signal = (0..<length).map { index -> SIMD2<Double> in
            guard index < taken else { return .zero }
            let start = ((block * taken + index) * inner + place) * parts
            return SIMD2(Double(from[start]), parts == 2 ? Double(from[start + 1]) : 0)
          }
          if isReal {
            // The other half of a real signal's spectrum is the conjugate of the half given.
            for index in (length / 2 + 1)..<max(length, length / 2 + 1) {
              signal[index] = SIMD2(signal[length - index].x, -signal[length - index].y)
            }
          }
          let result = transform(signal, inverse: inverse)
          let width = isReal ? 1 : 2
          for index in 0..<made {
            let start = ((block * made + index) * inner + place) * width
            to[start] = Element(result[index].x)
            if !isReal { to[start + 1] = Element(result[index].y) }
          }
        }
      }
    }
  }
}

private enum STFTKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let window = builder.optionalInput(2)
    let steps = try builder.integers(1)
    let length = try builder.optionalIntegers(3)?.first ?? window?.count ?? source.shape[1]
    guard let step = steps.first, step > 0, (1...max(source.shape[1], 1)).contains(length),
      window.map({ $0.shape == [length] && $0.elementType == source.elementType }) ?? true,
      let parts = source.shape.last, parts == 1 || parts == 2
    else {
      throw GraphError(
        .shapeMismatch, "frames of \(length) or their window don't fit a signal \(source.shape)")
    }
    let (samples, frames, bins) = (source.shape[1], target.shape[1], target.shape[2])
    let transform = FourierTransform(length: length)
    builder.emit { memory in
      let from = memory.input(source, as: Element.self)
      let weights = window.map { memory.input($0, as: Element.self) }
      let to = memory.output(target, as: Element.self)
      memory.forEachStretch(of: target.shape[0] * frames, weight: 64 * length) {
        for frame in $0 {
          let (batch, number) = frame.quotientAndRemainder(dividingBy: frames)
          let signal = (0..<length).map { index -> SIMD2<Double> in
            let start = (batch * samples + number * step + index) * parts
            let weight = weights.map { Double($0[index]) } ?? 1
            return SIMD2(Double(from[start]), parts == 2 ? Double(from[start + 1]) : 0) * weight
          }
          let result = transform(signal, inverse: false)
          for index in 0..<bins {
            to[(frame * bins + index) * 2] = Element(result[index].x)
            to[(frame * bins + index) * 2 + 1] = Element(result[index].y)
          }
        }
      }
    }
  }
}
