/// The setting in which an operator's shape rule works: what is known of one node's inputs, and the types it sets.
struct TypeInference {
  let node: Node
  /// nil where an input is left out or its type is not known.
  let inputTypes: [ValueType?]
  /// Values known as constants, or computed already in the interpreter.
  let constants: [Tensor?]
  /// Integer inputs known as dimensions, element by element: constants, and shapes on their way from Shape to Reshape.
  let shapeValues: [[Dimension]?]
  /// Infers the output types of the subgraph in the attribute `name` from the types of its inputs (nil: as declared).
  let inferSubgraph: (_ name: String, _ inputs: [ValueType?]) throws -> [ValueType?]

  /// The types the rule sets, one an output.
  var outputTypes: [ValueType?]
  /// Dimensions the rule knows its integer outputs to hold (Shape, and arithmetic on shapes).
  var outputShapeValues: [[Dimension]?]

  /// Whether the input at `index` is given.
  func has(_ index: Int) -> Bool { node.input(index) != nil }

  func tensor(_ index: Int) -> TensorType? {
    inputTypes.indices.contains(index) ? inputTypes[index]?.tensor : nil
  }

  /// The element type of the input at `index`; nil while it is not known.
  func elementType(_ index: Int) -> ElementType? { tensor(index)?.elementType }

  /// The shape of the input at `index`; nil where not even the rank is known.
  func shape(_ index: Int) -> Shape? { tensor(index)?.shape }

  func constant(_ index: Int) -> Tensor? { constants.indices.contains(index) ? constants[index] : nil }

  /// The integers that the input at `index` holds, as far as they are known as dimensions.
  func shapeValue(_ index: Int) -> [Dimension]? {
    shapeValues.indices.contains(index) ? shapeValues[index] : nil
  }

  /// Sets an output's type; does nothing where the element type is not known or the output is not asked for.
  mutating func set(_ output: Int, _ elementType: ElementType?, _ shape: Shape?) {
    guard let elementType, outputTypes.indices.contains(output) else { return }
    outputTypes[output] = .tensor(TensorType(elementType, shape))
  }

  /// Output 0 is of the type of input `index`: the rule of element-wise operators of one input.
  mutating func same(as index: Int = 0) { set(0, elementType(index), shape(index)) }

  /// A shape mismatch; the inputs' types are added where it is reported.
  func mismatch(_ message: String) -> GraphError { GraphError(.shapeMismatch, message) }
}

extension TypeInference {
  /// The shape that NumPy broadcasting gives for `a` and `b`.
  /// - Throws: a shape mismatch where two extents differ and neither is 1.
  func broadcast(_ a: Shape?, _ b: Shape?) throws -> Shape? {
    guard let a, let b else { return nil }
    let rank = max(a.count, b.count)
    return try (0..<rank).map { axis in
      let x = axis < rank - a.count ? 1 : a[axis - (rank - a.count)]
      let y = axis < rank - b.count ? 1 : b[axis - (rank - b.count)]
      if x == y || y == 1 { return x }
      if x == 1 { return y }
      switch (x, y) {
      case (.fixed(let p), .fixed(let q)): throw mismatch("extents \(p) and \(q) can't be broadcast")
      case (.fixed, _): return x
      case (_, .fixed): return y
      default: return .unknown
      }
    }
  }

  /// Requires that the input at `index`, where it is given, has one axis of the given extent.
  /// - Throws: a shape mismatch that says what is needed.
  func requireVector(_ index: Int, of extent: Dimension, _ need: String) throws {
    guard has(index), let shape = shape(index) else { return }
    guard shape.count == 1, shape[0].value == nil || extent.value == nil || shape[0] == extent else {
      throw mismatch("\(need): \(extent), not \(Describe.shape(shape))")
    }
  }

  /// Requires that the input at `index`, where it is given, broadcasts to `target` without widening it.
  func requireBroadcast(_ index: Int, to target: Shape) throws {
    guard has(index), let shape = shape(index) else { return }
    let fits = zip(shape.reversed(), target.reversed()).allSatisfy { extent, wanted in
      extent == 1 || extent.value == nil || wanted.value == nil || extent == wanted
    }
    guard shape.count <= target.count, fits else {
      throw mismatch("input \(index) \(Describe.shape(shape)) must broadcast to \(Describe.shape(target))")
    }
  }

  /// `axis` counted from the front, for a tensor of `rank` axes.
  func normalized(_ axis: Int, rank: Int) throws -> Int {
    guard (-rank..<max(rank, 1)).contains(axis) else {
      throw mismatch("axis \(axis) is out of range for rank \(rank)")
    }
    return axis < 0 ? axis + rank : axis
  }
}
