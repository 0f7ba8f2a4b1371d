import ONNXParse

/// Einsum-12: sums of products over named axes.
enum EinsteinSummation {
  static let operators: [Operator] = [
    Operator(
      "Einsum", inputs: 1...Operator.variadic,
      infer: { inference in
        let shapes = inference.inputTypes.indices.map { inference.shape($0) }
        let type = inference.elementType(0)
        guard shapes.allSatisfy({ $0 != nil }) else { return inference.set(0, type, nil) }
        let equation = try EinsumEquation(
          inference.node.string("equation", default: ""), ranks: shapes.map { $0?.count ?? 0 })
        var extents: [EinsumEquation.Label: Dimension] = [:]
        for (labels, shape) in zip(equation.inputs, shapes) {
          for (label, extent) in zip(labels, shape ?? []) {
            extents[label] = try inference.broadcast([extents[label] ?? 1], [extent])?[0]
          }
        }
        inference.set(0, type, equation.output.map { extents[$0] ?? 1 })
      }, kernel: numeric(EinsumKernel.self))
  ]
}

/// The equation of an Einsum: which label each axis bears.
struct EinsumEquation {
  enum Label: Hashable {
    case letter(Character)
    /// An axis that `...` stands for, counted from the last.
    case broadcast(Int)
  }

  let inputs: [[Label]]
  let output: [Label]

  /// - Throws: `GraphError` where the equation doesn't fit operands of these ranks.
  init(_ text: String, ranks: [Int]) throws {
    func invalid(_ reason: String) -> GraphError {
      GraphError(.invalidAttribute, "equation '\(text)' \(reason)")
    }
    let compact = text.filter { $0 != " " }
    let arrow = compact.range(of: "->")
    let left = arrow.map { String(compact[..<$0.lowerBound]) } ?? compact
    let terms = left.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard terms.count == ranks.count else {
      throw invalid("names \(terms.count) operands, but there are \(ranks.count)")
    }

    func labels(of term: String, rank: Int?, broadcastRank: Int) throws -> [Label] {
      var labels: [Label] = []
      var rest = Substring(term)
      while let next = rest.first {
        if rest.hasPrefix("...") {
          let count = rank.map { $0 - (term.count - 3) } ?? broadcastRank
          guard count >= 0 else { throw invalid("has too many labels") }
          labels += (0..<count).map { .broadcast(count - 1 - $0) }
          rest = rest.dropFirst(3)
        } else {
          guard next.isLetter else { throw invalid("has the label '\(next)'") }
          labels.append(.letter(next))
          rest = rest.dropFirst()
        }
      }
      guard rank == nil || labels.count == rank else {
        throw invalid("has \(labels.count) labels for rank \(rank ?? 0)")
      }
      return labels
    }

    inputs = try zip(terms, ranks).map { try labels(of: $0, rank: $1, broadcastRank: 0) }
    let broadcastRank = inputs.joined().reduce(0) { count, label in
      if case .broadcast(let place) = label { max(count, place + 1) } else { count }
    }
    if let arrow {
      output = try labels(of: String(compact[arrow.upperBound...]), rank: nil, broadcastRank: broadcastRank)
      let known = Set(inputs.joined())
      guard Set(output).count == output.count, known.isSuperset(of: output) else {
        throw invalid("has an output label twice, or one that no operand has")
      }
    } else {
      // Without an output: what `...` stands for, then the letters that occur once, in order.
      var counts: [Character: Int] = [:]
      for case .letter(let letter) in inputs.joined() { counts[letter, default: 0] += 1 }
      output =
        (0..<broadcastRank).map { .broadcast(broadcastRank - 1 - $0) }
        + counts.filter { $0.value == 1 }.keys.sorted().map { .letter($0) }
    }
  }
}

extension String {
  /// Where `text` first stands.
  fileprivate func range(of text: String) -> Range<Index>? {
    indices.lazy.compactMap { start in
      self[start...].hasPrefix(text) ? start..<index(start, offsetBy: text.count) : nil
    }.first
  }
}

private enum EinsumKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let target = try builder.output()
    let operands = try builder.inputs.indices.map { try builder.input($0) }
    guard operands.count <= 4 else {
      throw GraphError(.unsupportedType, "an Einsum of \(operands.count) operands is not supported; 4 are")
    }
    let equation = try EinsumEquation(
      builder.node.string("equation", default: ""), ranks: operands.map(\.shape.count))
    var extents: [EinsumEquation.Label: Int] = [:]
    var strides: [EinsumEquation.Label: SIMD4<Int>] = [:]
    for (lane, operand) in operands.enumerated() {
      let rowMajor = operand.shape.rowMajorStrides
      for (axis, label) in equation.inputs[lane].enumerated() {
        extents[label] = max(extents[label] ?? 1, operand.shape[axis])
        if operand.shape[axis] == 0 { extents[label] = 0 }
        // A label twice in one operand walks its diagonal.
        if operand.shape[axis] != 1 { strides[label, default: SIMD4(repeating: 0)][lane] += rowMajor[axis] }
      }
    }
    func walk(_ labels: [EinsumEquation.Label]) -> Broadcast {
      Broadcast(
        axes: labels.map { .init(extent: extents[$0] ?? 1, strides: strides[$0] ?? SIMD4(repeating: 0)) })
    }
    let kept = walk(equation.output)
    var summed: [EinsumEquation.Label] = []
    for label in equation.inputs.joined() where !equation.output.contains(label) && !summed.contains(label) {
      summed.append(label)
    }
    let sum = walk(summed)
    let count = sum.rows * sum.inner.extent
    builder.emit { memory in
      let sources = operands.map { memory.input($0, as: Element.self) }
      let target = memory.output(target, as: Element.self)
      memory.forEachStretch(of: kept.rows * kept.inner.extent, weight: count * operands.count) { places in
        for place in places {
          let (row, index) = place.quotientAndRemainder(dividingBy: kept.inner.extent)
          let base = kept.offsets(ofRow: row) &+ kept.inner.strides &* index
          var total = Element.zero
          for row in 0..<sum.rows {
            let start = base &+ sum.offsets(ofRow: row)
            for index in 0..<sum.inner.extent {
              let offsets = start &+ sum.inner.strides &* index
              var product = sources[0][offsets[0]]
              for lane in 1..<max(sources.count, 1) { product = product.times(sources[lane][offsets[lane]]) }
              total = total.plus(product)
            }
          }
          target[place] = total
        }
      }
    }
  }
}
