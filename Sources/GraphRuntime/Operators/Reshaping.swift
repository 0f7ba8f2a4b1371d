import ONNXParse

extension OperatorName {
  /// The operator that gives its input another name.
  static let identity: OperatorName = "Identity"
}

/// Operators that give a tensor another shape and leave its elements as they lie.
enum Reshaping {
  static let operators: [Operator] = [
    // Identity-25: any value, sequences and optionals too.
    Operator(
      .identity, inputs: 1...1, sharing: .view,
      infer: { inference in
        inference.outputTypes[0] = inference.inputTypes[0]
        inference.outputShapeValues[0] = inference.shapeValue(0)
      }, kernel: copy),
    Operator("Reshape", inputs: 2...2, sharing: .view, infer: reshape, kernel: copy),
    Operator("Flatten", inputs: 1...1, sharing: .view, infer: flatten, kernel: copy),
    Operator("Squeeze", inputs: 1...2, sharing: .view, infer: squeeze, kernel: copy),
    Operator("Unsqueeze", inputs: 2...2, sharing: .view, infer: unsqueeze, kernel: copy),
  ]

  /// Copies the elements of input 0, where they can't be shared.
  @Sendable private static func copy(_ builder: inout KernelBuilder) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    guard source.count == target.count else {
      throw GraphError(.shapeMismatch, "\(source.type) can't take the shape of \(target.type)")
    }
    let byteCount = target.elementType.heldByteCount(of: target.count) ?? 0
    builder.emit { memory in
      let from = UnsafeRawPointer(memory.input(source, as: UInt8.self))
      let to = UnsafeMutableRawPointer(memory.output(target, as: UInt8.self))
      if from != UnsafeRawPointer(to) { to.copyMemory(from: from, byteCount: byteCount) }
    }
  }

  // MARK: Shape rules

  /// Reshape-25: 0 keeps an extent (unless `allowzero`), -1 takes what is left.
  @Sendable private static func reshape(_ inference: inout TypeInference) throws {
    defer { inference.outputShapeValues[0] = inference.shapeValue(0) }
    let allowZero = try inference.node.flag("allowzero", default: false)
    guard let wanted = inference.shapeValue(1) else {
      // The rank may be known where the extents are not.
      let rank = inference.shape(1).flatMap { $0.count == 1 ? $0[0].value : nil }
      let isUsable = rank.map { (0...TypeInference.largestRank).contains($0) } ?? false
      return inference.set(
        0, inference.elementType(0), isUsable ? Array(repeating: .unknown, count: rank!) : nil)
    }
    let input = inference.shape(0)
    var shape: Shape = []
    var inferred: Int?
    for (axis, extent) in wanted.enumerated() {
      switch extent {
      case 0 where !allowZero:
        if let input, !input.indices.contains(axis) {
          throw inference.mismatch(
            "the new shape's extent 0 at axis \(axis) has no extent of the input to keep")
        }
        shape.append(input?[axis] ?? .unknown)
      case -1:
        guard inferred == nil else { throw inference.mismatch("the new shape has -1 twice") }
        inferred = axis
        shape.append(.unknown)
      case .fixed(let value) where value < 0:
        throw inference.mismatch("the new shape has the extent \(value)")
      default: shape.append(extent)
      }
    }
    if let input {
      if let inferred {
        shape[inferred] = try rest(
          of: input, over: shape.enumerated().filter { $0.offset != inferred }.map(\.element), inference)
      } else if let old = input.concrete?.elementCount, let new = shape.concrete?.elementCount, old != new {
        throw inference.mismatch("\(old) elements can't take the shape \(Describe.shape(shape)) of \(new)")
      }
    }
    inference.set(0, inference.elementType(0), shape)
  }

  /// The product of `shape` over that of `known`: what -1 stands for.
  private static func rest(of shape: Shape, over known: Shape, _ inference: TypeInference) throws -> Dimension
  {
    var numerator = shape
    var denominator: Shape = []
    // Equal extents cancel first, so that symbols do.
    for extent in known {
      if extent != .unknown, extent != 0, let place = numerator.firstIndex(of: extent) {
        numerator.remove(at: place)
      } else {
        denominator.append(extent)
      }
    }
    if let divisor = denominator.concrete?.elementCount {
      if divisor == 0 {
        guard shape.contains(0) else { throw inference.mismatch("an extent of -1 beside 0 has no meaning") }
        return 0
      }
      if divisor == 1, numerator.count == 1 { return numerator[0] }
      if let total = numerator.concrete?.elementCount {
        guard total % divisor == 0 else {
          throw inference.mismatch(
            "\(Describe.shape(shape)) can't be divided into parts of \(Describe.shape(known))")
        }
        return .fixed(total / divisor)
      }
      return Dimension.floorDivide(numerator.reduce(1, *), by: divisor)
    }
    return .unknown
  }

  /// Flatten-25: a matrix of the axes before and from `axis` on.
  @Sendable private static func flatten(_ inference: inout TypeInference) throws {
    guard let shape = inference.shape(0) else {
      return inference.set(0, inference.elementType(0), [.unknown, .unknown])
    }
    let axis = try inference.node.int("axis", default: 1)
    guard (-shape.count...shape.count).contains(axis) else {
      throw inference.mismatch("axis \(axis) is out of range for rank \(shape.count)")
    }
    let cut = axis < 0 ? axis + shape.count : axis
    inference.set(0, inference.elementType(0), [shape[..<cut].reduce(1, *), shape[cut...].reduce(1, *)])
  }

  /// Squeeze-25: without the axes given, or without all of extent 1.
  @Sendable private static func squeeze(_ inference: inout TypeInference) throws {
    inference.outputShapeValues[0] = inference.shapeValue(0)
    guard let shape = inference.shape(0) else { return inference.set(0, inference.elementType(0), nil) }
    if inference.has(1) {
      guard let axes = try inference.integers(1) else {
        return inference.set(0, inference.elementType(0), nil)
      }
      guard axes.isEmpty || !shape.isEmpty else { throw inference.mismatch("a scalar has no axis to drop") }
      let dropped = try Set(axes.map { try inference.normalized($0, rank: shape.count) })
      for axis in dropped {
        if let extent = shape[axis].value, extent != 1 {
          throw inference.mismatch("axis \(axis) of extent \(extent) can't be dropped")
        }
      }
      return inference.set(
        0, inference.elementType(0), shape.enumerated().filter { !dropped.contains($0.offset) }.map(\.element)
      )
    }
    // An extent that is not a number could be 1.
    let isKnown = shape.allSatisfy { $0.value != nil }
    inference.set(0, inference.elementType(0), isKnown ? shape.filter { $0 != 1 } : nil)
  }

  /// Unsqueeze-25: with axes of extent 1 where `axes` counts them in the result.
  @Sendable private static func unsqueeze(_ inference: inout TypeInference) throws {
    inference.outputShapeValues[0] = inference.shapeValue(0)
    guard let shape = inference.shape(0), let axes = try inference.integers(1) else {
      return inference.set(0, inference.elementType(0), nil)
    }
    let rank = shape.count + axes.count
    let inserted = try Set(axes.map { try inference.normalized($0, rank: rank) })
    guard inserted.count == axes.count else { throw inference.mismatch("axes \(axes) name an axis twice") }
    var rest = shape[...]
    inference.set(
      0, inference.elementType(0), (0..<rank).map { inserted.contains($0) ? 1 : rest.removeFirst() })
  }
}

extension TypeInference {
  /// More axes than any tensor has.
  static let largestRank = 64

  /// The integers that input `index` holds; nil where they are not all known as numbers, or the input is left out.
  func integers(_ index: Int) throws -> [Int]? {
    if let values = shapeValue(index)?.concrete { return values }
    guard let constant = constant(index) else { return nil }
    guard let values = constant.integers else { throw mismatch("input \(index) must hold integers") }
    return values
  }
}

/// Text for messages.
enum Describe {
  static func shape(_ shape: Shape) -> String { "[\(shape.map(\.description).joined(separator: ", "))]" }
}
