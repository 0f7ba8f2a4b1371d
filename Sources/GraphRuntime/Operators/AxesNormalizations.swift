import RealModule

/// Normalisation over chosen axes: MeanVarianceNormalization-13 and LpNormalization-22.
enum AxesNormalizations {
  static let operators: [Operator] = [
    Operator(
      "MeanVarianceNormalization", inputs: 1...1, infer: { try infer(&$0) },
      kernel: floating(MeanVarianceKernel.self)),
    Operator(
      "LpNormalization", inputs: 1...1, infer: { try infer(&$0) },
      kernel: floating(LpNormalizationKernel.self)),
  ]

  private static func infer(_ inference: inout TypeInference) throws {
    if let rank = inference.shape(0)?.count {
      for axis in try axes(inference.node) { _ = try inference.normalized(axis, rank: rank) }
    }
    inference.same()
  }

  fileprivate static func axes(_ node: Node) throws -> [Int] {
    node.op.type == "LpNormalization"
      ? [try node.int("axis", default: -1)] : try node.ints("axes") ?? [0, 2, 3]
  }
}

/// The elements of a tensor by the group they are normalised with: the groups are the tensor without the reduced axes.
private struct AxisGroups {
  let rows: BroadcastRows
  let groups: Int
  let size: Int

  init(_ shape: [Int], axes: [Int]) {
    let reduced = Set(axes.map { $0 < 0 ? $0 + shape.count : $0 })
    let kept = shape.indices.map { reduced.contains($0) ? 1 : shape[$0] }
    rows = BroadcastRows(kept, to: shape)
    groups = kept.reduce(1, *)
    size = shape.reduce(1, *) / max(groups, 1)
  }

  /// Calls `body` with every element's index and group.
  @inline(__always)
  func forEach(_ body: (_ element: Int, _ group: Int) -> Void) {
    for row in 0..<rows.count {
      let group = rows.offset(row)
      for column in 0..<rows.length { body(row * rows.length + column, group + column * rows.step) }
    }
  }
}

/// (x - mean) / (√variance + 1e-9): the function that the standard defines.
private struct MeanVarianceKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    let groups = AxisGroups(x.shape, axes: try AxesNormalizations.axes(builder.node))
    let scratch = builder.addScratch(byteCount: 2 * groups.groups * MemoryLayout<Double>.stride)
    builder.emit { memory in
      let (source, target) = (
        memory.pointer(x.slot, as: Element.self), memory.pointer(y.slot, as: Element.self)
      )
      let means = memory.pointer(scratch, as: Double.self)
      let deviations = means + groups.groups
      means.update(repeating: 0, count: 2 * groups.groups)
      groups.forEach { means[$1] += Double(source[$0]) }
      for group in 0..<groups.groups { means[group] /= Double(groups.size) }
      groups.forEach {
        let difference = Double(source[$0]) - means[$1]
        deviations[$1] += difference * difference
      }
      for group in 0..<groups.groups {
        deviations[group] = (deviations[group] / Double(groups.size)).squareRoot() + 1e-9
      }
      groups.forEach { target[$0] = Element((Double(source[$0]) - means[$1]) / deviations[$1]) }
    }
  }
}

/// x / (Σ|x|^p)^(1/p), and 0 where the norm is 0.
private struct LpNormalizationKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (x, y) = (try builder.input(0), try builder.output())
    let p = try builder.node.int("p", default: 2)
    guard p == 1 || p == 2 else { throw GraphError(.invalidAttribute, "'p' must be 1 or 2, but is \(p)") }
    let groups = AxisGroups(x.shape, axes: try AxesNormalizations.axes(builder.node))
    let scratch = builder.addScratch(byteCount: groups.groups * MemoryLayout<Double>.stride)
    builder.emit { memory in
      let (source, target) = (
        memory.pointer(x.slot, as: Element.self), memory.pointer(y.slot, as: Element.self)
      )
      let norms = memory.pointer(scratch, as: Double.self)
      norms.update(repeating: 0, count: groups.groups)
      groups.forEach { norms[$1] += LpNorm.power(Double(source[$0]), p) }
      for group in 0..<groups.groups { norms[group] = LpNorm.root(norms[group], p) }
      groups.forEach { target[$0] = norms[$1] == 0 ? 0 : Element(Double(source[$0]) / norms[$1]) }
    }
  }
}
