/// ArgMax-13 and ArgMin-13: where along an axis the extreme element stands.
enum ArgReductions {
  static let operators: [Operator] = [
    Operator("ArgMax", inputs: 1...1, infer: infer, kernel: numeric(ArgKernel<Greater>.self)),
    Operator("ArgMin", inputs: 1...1, infer: infer, kernel: numeric(ArgKernel<Less>.self)),
  ]

  @Sendable private static func infer(_ inference: inout TypeInference) throws {
    let keeps = try inference.node.flag("keepdims", default: true)
    guard var shape = inference.shape(0) else { return inference.set(0, .int64, nil) }
    guard !shape.isEmpty else { return inference.set(0, .int64, []) }
    let axis = try inference.normalized(inference.node.int("axis", default: 0), rank: shape.count)
    if shape[axis] == 0 { throw inference.mismatch("axis \(axis) has no elements to choose from") }
    if keeps { shape[axis] = 1 } else { shape.remove(at: axis) }
    inference.set(0, .int64, shape)
  }
}

private enum ArgKernel<Better: Relation>: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let takesLast = try builder.node.flag("select_last_index", default: false)
    let given = try builder.node.int("axis", default: 0)
    let shape = source.shape.isEmpty ? [1] : source.shape
    let axis = source.shape.isEmpty ? 0 : given < 0 ? given + shape.count : given
    let extent = shape[axis]
    let inner = shape[(axis + 1)...].reduce(1, *)
    builder.emit { memory in
      let source = memory.input(source, as: Element.self)
      let places = memory.output(target, as: Int64.self)
      memory.forEachStretch(of: target.count, weight: extent) { outputs in
        for output in outputs {
          let (block, place) = output.quotientAndRemainder(dividingBy: inner)
          let base = source + block * extent * inner + place
          var best = 0
          for index in 1..<max(extent, 1) {
            let (candidate, holder) = (base[index * inner], base[best * inner])
            if Better.holds(candidate, holder) || (takesLast && candidate == holder)
              || (candidate.isNotANumber && !holder.isNotANumber)
            {
              best = index
            }
          }
          places[output] = Int64(best)
        }
      }
    }
  }
}
