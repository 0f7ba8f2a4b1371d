/// NonMaxSuppression-11: boxes chosen by score, without those that overlap a chosen one too much.
enum NonMaxSuppressionOperator {
  static let operators: [Operator] = [
    Operator(
      "NonMaxSuppression", inputs: 2...5, infer: { $0.set(0, .int64, [.unknown, 3]) }, evaluate: evaluate)
  ]

  private struct Box {
    var x0, y0, x1, y1: Float

    /// From two opposite corners [y, x, y, x], or centre and size [x, y, width, height].
    init(_ values: ArraySlice<Float>, isCentred: Bool) {
      let v = Array(values)
      if isCentred {
        (x0, y0, x1, y1) = (v[0] - v[2] / 2, v[1] - v[3] / 2, v[0] + v[2] / 2, v[1] + v[3] / 2)
      } else {
        (x0, y0, x1, y1) = (min(v[1], v[3]), min(v[0], v[2]), max(v[1], v[3]), max(v[0], v[2]))
      }
    }

    var area: Float { (x1 - x0) * (y1 - y0) }

    /// The overlap over the union.
    func overlap(_ other: Box) -> Float {
      let width = min(x1, other.x1) - max(x0, other.x0)
      let height = min(y1, other.y1) - max(y0, other.y0)
      guard width > 0, height > 0 else { return 0 }
      let shared = width * height
      return shared / (area + other.area - shared)
    }
  }

  private static func evaluate(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let (boxes, scores) = (try evaluation.tensor(0), try evaluation.tensor(1))
    guard boxes.elementType == .float32, scores.elementType == .float32, boxes.shape.count == 3,
      boxes.shape[2] == 4, scores.shape.count == 3, scores.shape[0] == boxes.shape[0],
      scores.shape[2] == boxes.shape[1]
    else { throw GraphError(.shapeMismatch, "boxes \(boxes) and scores \(scores) don't fit") }
    let limit = evaluation.optionalTensor(2)?.integers?.first ?? 0
    let overlapLimit = Float(evaluation.optionalTensor(3)?.firstNumber ?? 0)
    let scoreLimit = evaluation.optionalTensor(4)?.firstNumber.map { Float($0) }
    let isCentred = try evaluation.node.flag("center_point_box", default: false)
    let (coordinates, values) = (boxes.elements(Float.self), scores.elements(Float.self))
    let (count, classes) = (boxes.shape[1], scores.shape[1])
    var chosen: [Int64] = []
    for batch in 0..<boxes.shape[0] {
      let all = (0..<count).map { index in
        let start = (batch * count + index) * 4
        return Box(coordinates[start..<start + 4], isCentred: isCentred)
      }
      for label in 0..<classes {
        let own = values[((batch * classes + label) * count)..<((batch * classes + label + 1) * count)]
        let picks = pick(all, Array(own), limit: limit, overlapLimit: overlapLimit, scoreLimit: scoreLimit)
        for index in picks { chosen += [Int64(batch), Int64(label), Int64(index)] }
      }
    }
    return [.tensor(Tensor(chosen, shape: [chosen.count / 3, 3]))]
  }

  private static func pick(
    _ boxes: [Box], _ scores: [Float], limit: Int, overlapLimit: Float, scoreLimit: Float?
  ) -> [Int] {
    var picks: [Int] = []
    let candidates = scores.indices.filter { index in scoreLimit.map { scores[index] > $0 } ?? true }
    let ranked = candidates.sorted { a, b in scores[a] == scores[b] ? a < b : scores[a] > scores[b] }
    for index in ranked {
      if picks.count >= limit { break }
      if picks.allSatisfy({ boxes[$0].overlap(boxes[index]) <= overlapLimit }) { picks.append(index) }
    }
    return picks
  }
}
