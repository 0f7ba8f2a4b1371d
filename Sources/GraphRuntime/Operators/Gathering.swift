import ONNXParse

/// Operators that take elements by index.
enum Gathering {
  static let operators: [Operator] = [
    Operator("Gather", inputs: 2...2, infer: gather, kernel: moving(GatherKernel.self)),
    Operator(
      "GatherElements", inputs: 2...2, infer: gatherElements, kernel: moving(GatherElementsKernel.self)),
    Operator("GatherND", inputs: 2...2, infer: gatherND, kernel: moving(GatherNDKernel.self)),
  ]

  /// Gather-13: slices of `data` along `axis`, in the places of their indices.
  @Sendable private static func gather(_ inference: inout TypeInference) throws {
    guard let data = inference.shape(0), let indices = inference.shape(1) else {
      return inference.set(0, inference.elementType(0), nil)
    }
    guard !data.isEmpty else { throw inference.mismatch("nothing can be gathered from a scalar") }
    let axis = try inference.normalized(inference.node.int("axis", default: 0), rank: data.count)
    inference.set(0, inference.elementType(0), Array(data[..<axis]) + indices + Array(data[(axis + 1)...]))
    if data.count == 1, indices.count <= 1, let values = inference.shapeValue(0),
      let places = try inference.integers(1)
    {
      inference.outputShapeValues[0] = try places.map { place in
        let index = place < 0 ? place &+ values.count : place
        guard values.indices.contains(index) else {
          throw inference.mismatch("index \(place) is out of range for \(values.count) elements")
        }
        return values[index]
      }
    }
  }

  /// GatherElements-13: output[i][j] = data[index[i][j]][j] for axis 0.
  @Sendable private static func gatherElements(_ inference: inout TypeInference) throws {
    if let data = inference.shape(0), let indices = inference.shape(1),
      data.count != indices.count || data.isEmpty
    {
      throw inference.mismatch("data and indices must have one rank, of 1 or more")
    }
    inference.set(0, inference.elementType(0), inference.shape(1))
  }

  /// GatherND-13: the last axis of `indices` holds index tuples into `data` behind its `batch_dims`.
  @Sendable private static func gatherND(_ inference: inout TypeInference) throws {
    guard let data = inference.shape(0), let indices = inference.shape(1), let tuple = indices.last?.value
    else {
      return inference.set(0, inference.elementType(0), nil)
    }
    let batch = try inference.node.int("batch_dims", default: 0)
    guard batch >= 0, batch < min(data.count, indices.count), tuple >= 0, tuple <= data.count - batch else {
      throw inference.mismatch("index tuples of \(tuple) and batch_dims \(batch) don't fit the data")
    }
    inference.set(0, inference.elementType(0), Array(indices.dropLast()) + Array(data[(batch + tuple)...]))
  }
}

extension KernelBuilder {
  /// An operand of indices as `Int64`: itself where it is of that type, else converted by a step before.
  mutating func indices(_ index: Int, allowsFloat: Bool = false) throws -> Operand {
    let operand = try input(index)
    guard operand.elementType != .int64 else { return operand }
    guard operand.elementType.isInteger || allowsFloat && operand.elementType.isFloat else {
      throw unsupportedType(operand.elementType)
    }
    let converted = Operand(
      slot: addScratch(byteCount: operand.count * MemoryLayout<Int64>.stride),
      type: TensorType(.int64, operand.type.shape), shape: operand.shape, constant: nil)
    emitConversion(operand, converted)
    return converted
  }
}

extension StepMemory {
  /// Whether all of `indices` lie in -extent..<extent; reports the first that doesn't.
  func check(_ indices: UnsafePointer<Int64>, count: Int, extent: Int, node: String) -> Bool {
    let extent = Int64(extent)
    for place in 0..<count where indices[place] < -extent || indices[place] >= extent {
      fail(node, "index \(indices[place]) is out of range for an extent of \(extent)")
      return false
    }
    return true
  }
}

private enum GatherKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let indices = try builder.indices(1)
    let axis = try builder.node.int("axis", default: 0)
    let cut = axis < 0 ? axis + source.shape.count : axis
    let extent = source.shape[cut]
    let row = source.shape[(cut + 1)...].reduce(1, *)
    let outer = source.shape[..<cut].reduce(1, *)
    let label = builder.node.label
    builder.emit { memory in
      let places = memory.input(indices, as: Int64.self)
      let count = indices.count
      guard memory.check(places, count: count, extent: extent, node: label) else { return }
      let from = memory.input(source, as: Element.self)
      let to = memory.output(target, as: Element.self)
      memory.forEachStretch(of: outer * count, weight: row) {
        for index in $0 {
          let (block, place) = index.quotientAndRemainder(dividingBy: count)
          let taken = Int(places[place])
          let start = (block * extent + (taken < 0 ? taken + extent : taken)) * row
          (to + index * row).update(from: from + start, count: row)
        }
      }
    }
  }
}

private enum GatherElementsKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let indices = try builder.indices(1)
    let rank = source.shape.count
    let given = try builder.node.int("axis", default: 0)
    guard (-rank..<rank).contains(given) else {
      throw GraphError(.shapeMismatch, "axis \(given) is out of range for rank \(rank)")
    }
    let axis = given < 0 ? given + rank : given
    for other in 0..<rank where other != axis && indices.shape[other] > source.shape[other] {
      throw GraphError(
        .shapeMismatch,
        "indices of shape \(indices.shape) reach beyond the data's \(source.shape) at axis \(other)")
    }
    // Walks the data as the indices lie, with the gathered axis left to the index.
    var strides = source.shape.rowMajorStrides
    let (extent, stride) = (source.shape[axis], strides[axis])
    strides[axis] = 0
    let walk = Broadcast(extents: indices.shape, strides: strides)
    let label = builder.node.label
    builder.emit { memory in
      let places = memory.input(indices, as: Int64.self)
      guard memory.check(places, count: indices.count, extent: extent, node: label) else { return }
      let from = memory.input(source, as: Element.self)
      let to = memory.output(target, as: Element.self)
      let inner = walk.inner.strides[0]
      memory.forEachRow(walk) { offsets, start, count in
        for index in 0..<count {
          let taken = Int(places[start + index])
          to[start + index] = from[offsets[0] + index * inner + (taken < 0 ? taken + extent : taken) * stride]
        }
      }
    }
  }
}

/// Index tuples of GatherND and ScatterND: where in the data each points to.
struct IndexTuples: Sendable {
  /// Indices a tuple, and the extents they index.
  let extents: [Int]
  let strides: [Int]
  /// Tuples a batch, and data elements a batch.
  let perBatch: Int
  let batchStride: Int
  /// Elements each tuple points to.
  let row: Int
  let count: Int

  init(data: [Int], indices: [Int], batch: Int) {
    let tuple = indices.last ?? 0
    let rowMajor = data.rowMajorStrides
    extents = Array(data[batch..<batch + tuple])
    strides = Array(rowMajor[batch..<batch + tuple])
    perBatch = max(1, indices[batch..<indices.count - 1].reduce(1, *))
    batchStride = data[batch...].reduce(1, *)
    row = data[(batch + tuple)...].reduce(1, *)
    count = indices.dropLast().reduce(1, *)
  }

  /// The first element that tuple `index` points to; nil where it is out of range.
  @inline(__always)
  func offset(_ tuples: UnsafePointer<Int64>, _ index: Int) -> Int? {
    var offset = index / perBatch * batchStride
    for place in extents.indices {
      let given = Int(tuples[index * extents.count + place])
      let taken = given < 0 ? given &+ extents[place] : given
      guard taken >= 0, taken < extents[place] else { return nil }
      offset += taken * strides[place]
    }
    return offset
  }
}

private enum GatherNDKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let indices = try builder.indices(1)
    let batch = try builder.node.int("batch_dims", default: 0)
    guard source.shape[..<batch] == indices.shape[..<batch] else {
      throw GraphError(.shapeMismatch, "the batch extents of \(source.shape) and \(indices.shape) differ")
    }
    let tuples = IndexTuples(data: source.shape, indices: indices.shape, batch: batch)
    let label = builder.node.label
    builder.emit { memory in
      let places = memory.input(indices, as: Int64.self)
      let from = memory.input(source, as: Element.self)
      let to = memory.output(target, as: Element.self)
      for index in 0..<tuples.count {
        guard let start = tuples.offset(places, index) else {
          return memory.fail(label, "index tuple \(index) is out of range for \(tuples.extents)")
        }
        (to + index * tuples.row).update(from: from + start, count: tuples.row)
      }
    }
  }
}
