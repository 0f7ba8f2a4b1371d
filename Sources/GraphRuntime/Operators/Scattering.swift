/// Operators that write updates into a copy of their data: ScatterElements-18 and ScatterND-18.
enum Scattering {
  static let operators: [Operator] = [
    Operator(
      "ScatterElements", inputs: 3...3, sharing: .overwrites([0]), infer: inferElements,
      kernel: reducing(
        replace: moving(ScatterElementsMove.self), add: numeric(ScatterElementsKernel<Sum>.self),
        multiply: numeric(ScatterElementsKernel<Product>.self),
        maximum: numeric(ScatterElementsKernel<Maximum>.self),
        minimum: numeric(ScatterElementsKernel<Minimum>.self))),
    Operator(
      "ScatterND", inputs: 3...3, sharing: .overwrites([0]), infer: inferND,
      kernel: reducing(
        replace: moving(ScatterNDMove.self), add: numeric(ScatterNDKernel<Sum>.self),
        multiply: numeric(ScatterNDKernel<Product>.self), maximum: numeric(ScatterNDKernel<Maximum>.self),
        minimum: numeric(ScatterNDKernel<Minimum>.self))),
  ]

  /// The kernel for the node's `reduction`.
  private static func reducing(
    replace: @escaping PrepareKernel, add: @escaping PrepareKernel, multiply: @escaping PrepareKernel,
    maximum: @escaping PrepareKernel, minimum: @escaping PrepareKernel
  ) -> PrepareKernel {
    { builder in
      switch try builder.node.string("reduction", default: "none") {
      case "none": try replace(&builder)
      case "add": try add(&builder)
      case "mul": try multiply(&builder)
      case "max": try maximum(&builder)
      case "min": try minimum(&builder)
      case let other: throw GraphError(.invalidAttribute, "reduction '\(other)' is not known")
      }
    }
  }

  @Sendable private static func inferElements(_ inference: inout TypeInference) throws {
    if let data = inference.shape(0), let indices = inference.shape(1), let updates = inference.shape(2) {
      guard data.count == indices.count, !data.isEmpty, indices.count == updates.count else {
        throw inference.mismatch("data, indices and updates must have one rank, of 1 or more")
      }
      if let a = indices.concrete, let b = updates.concrete, a != b {
        throw inference.mismatch("indices and updates must have one shape")
      }
      _ = try inference.normalized(inference.node.int("axis", default: 0), rank: data.count)
    }
    inference.same()
  }

  @Sendable private static func inferND(_ inference: inout TypeInference) throws {
    if let data = inference.shape(0), let indices = inference.shape(1), let tuple = indices.last {
      if let tuple = tuple.value, tuple < 0 || tuple > data.count {
        throw inference.mismatch("index tuples of \(tuple) are too long for a tensor of \(data.count) axes")
      }
      if let tuple = tuple.value, let updates = inference.shape(2)?.concrete,
        let expected = (Array(indices.dropLast()) + Array(data[tuple...])).concrete, updates != expected
      {
        throw inference.mismatch("the updates must have the shape \(expected)")
      }
    } else if inference.shape(1)?.isEmpty == true {
      throw inference.mismatch("the indices must have a rank of 1 or more")
    }
    inference.same()
  }
}

// MARK: - ScatterElements

/// output[index[i][j]][j] = join(output[index[i][j]][j], updates[i][j]) for axis 0, in the updates' order.
private func emitScatterElements<Element: BitwiseCopyable & Sendable>(
  _ builder: inout KernelBuilder, join: @escaping @Sendable (Element, Element) -> Element
) throws {
  let (data, updates, target) = (try builder.input(0), try builder.input(2), try builder.output())
  let indices = try builder.indices(1)
  let given = try builder.node.int("axis", default: 0)
  let axis = given < 0 ? given + data.shape.count : given
  for other in data.shape.indices where other != axis && indices.shape[other] > data.shape[other] {
    throw GraphError(
      .shapeMismatch,
      "indices of shape \(indices.shape) reach beyond the data's \(data.shape) at axis \(other)")
  }
  var strides = target.shape.rowMajorStrides
  let (extent, stride) = (target.shape[axis], strides[axis])
  strides[axis] = 0
  let walk = Broadcast(extents: indices.shape, strides: strides)
  let label = builder.node.label
  builder.emit { memory in
    let to = memory.output(target, as: Element.self)
    memory.copyUnlessShared(data, to: to)
    let places = memory.input(indices, as: Int64.self)
    guard memory.check(places, count: indices.count, extent: extent, node: label) else { return }
    let from = memory.input(updates, as: Element.self)
    var place = 0
    // One after the other: updates to one place join in their order.
    walk.forEachOffset { offset in
      let index = Int(places[place])
      let cell = offset + (index < 0 ? index + extent : index) * stride
      to[cell] = join(to[cell], from[place])
      place += 1
    }
  }
}

private enum ScatterElementsMove: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    try emitScatterElements(&builder) { (_: Element, update: Element) in update }
  }
}

private enum ScatterElementsKernel<Function: BinaryFunction>: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    try emitScatterElements(&builder) { (a: Element, b: Element) in Function.apply(a, b) }
  }
}

// MARK: - ScatterND

/// output[indices[i]] = join(output[indices[i]], updates[i]) for slices, in the updates' order.
private func emitScatterND<Element: BitwiseCopyable & Sendable>(
  _ builder: inout KernelBuilder, join: @escaping @Sendable (Element, Element) -> Element
) throws {
  let (data, updates, target) = (try builder.input(0), try builder.input(2), try builder.output())
  let indices = try builder.indices(1)
  let tuples = IndexTuples(data: data.shape, indices: indices.shape, batch: 0)
  let label = builder.node.label
  builder.emit { memory in
    let to = memory.output(target, as: Element.self)
    memory.copyUnlessShared(data, to: to)
    let places = memory.input(indices, as: Int64.self)
    let from = memory.input(updates, as: Element.self)
    for index in 0..<tuples.count {
      guard let start = tuples.offset(places, index) else {
        return memory.fail(label, "index tuple \(index) is out of range for \(tuples.extents)")
      }
      for place in 0..<tuples.row {
        to[start + place] = join(to[start + place], from[index * tuples.row + place])
      }
    }
  }
}

private enum ScatterNDMove: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    try emitScatterND(&builder) { (_: Element, update: Element) in update }
  }
}

private enum ScatterNDKernel<Function: BinaryFunction>: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    try emitScatterND(&builder) { (a: Element, b: Element) in Function.apply(a, b) }
  }
}

extension StepMemory {
  /// Copies an input to where its changed copy goes, unless the plan has put both in one place.
  func copyUnlessShared<Element>(_ source: KernelBuilder.Operand, to target: UnsafeMutablePointer<Element>) {
    let from = input(source, as: Element.self)
    if from != UnsafePointer(target) { target.update(from: from, count: source.count) }
  }
}
