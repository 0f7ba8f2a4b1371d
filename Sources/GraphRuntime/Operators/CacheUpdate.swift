/// TensorScatter-24: a stretch of a key or value cache replaced, for each sample at a place of its own.
enum CacheUpdate {
  static let operators: [Operator] = [
    Operator(
      "TensorScatter", inputs: 2...3, sharing: .overwrites([0]),
      infer: { inference in
        if let cache = inference.shape(0) {
          let axis = try inference.normalized(inference.node.int("axis", default: -2), rank: cache.count)
          guard axis > 0 else { throw inference.mismatch("axis 0 is that of the batch") }
        }
        inference.same()
      }, kernel: moving(CacheUpdateKernel.self))
  ]
}

private enum CacheUpdateKernel: MovingKernel {
  static func prepare<Element: BitwiseCopyable & Sendable & Hashable>(
    _ builder: inout KernelBuilder, as: Element.Type
  ) throws {
    let (cache, update, target) = (try builder.input(0), try builder.input(1), try builder.output())
    let places = try builder.optionalInput(2).map { _ in try builder.indices(2) }
    let given = try builder.node.int("axis", default: -2)
    let axis = given < 0 ? given + cache.shape.count : given
    let isCircular: Bool
    switch try builder.node.string("mode", default: "linear") {
    case "linear": isCircular = false
    case "circular": isCircular = true
    case let other: throw GraphError(.invalidAttribute, "mode '\(other)' is not known")
    }
    var expected = cache.shape
    guard update.shape.count == cache.shape.count, update.shape[axis] <= cache.shape[axis],
      places.map({ $0.shape == [cache.shape[0]] }) ?? true
    else { throw GraphError(.shapeMismatch, "an update \(update.shape) doesn't fit a cache \(cache.shape)") }
    expected[axis] = update.shape[axis]
    guard update.shape == expected else {
      throw GraphError(.shapeMismatch, "an update \(update.shape) should be \(expected)")
    }
    let (extent, steps) = (cache.shape[axis], update.shape[axis])
    let row = cache.shape[(axis + 1)...].reduce(1, *)
    let perBatch = cache.shape[1..<axis].reduce(1, *)
    let label = builder.node.label
    builder.emit { memory in
      let to = memory.output(target, as: Element.self)
      memory.copyUnlessShared(cache, to: to)
      let from = memory.input(update, as: Element.self)
      let starts = places.map { memory.input($0, as: Int64.self) }
      for block in 0..<cache.shape[0] * perBatch {
        let start = starts?[block / max(perBatch, 1)] ?? 0
        guard start >= 0, isCircular ? start < Int64.max / 2 : start <= Int64(extent - steps) else {
          return memory.fail(label, "\(steps) rows can't be written at \(start) of \(extent)")
        }
        for step in 0..<steps {
          let place = (Int(start) + step) % extent
          (to + (block * extent + place) * row).update(from: from + (block * steps + step) * row, count: row)
        }
      }
    }
  }
}
