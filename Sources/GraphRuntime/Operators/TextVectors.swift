import ONNXParse

/// TfIdfVectorizer-9: how often known n-grams occur in sequences of integers or strings.
enum TextVectors {
  static let operators: [Operator] = [
    Operator(
      "TfIdfVectorizer", inputs: 1...1,
      infer: { inference in
        let width = try NGramPool.width(of: inference.node)
        inference.set(0, .float32, inference.shape(0).map { Array($0.dropLast()) + [.fixed(width)] })
      }, evaluate: evaluate)
  ]

  private static func evaluate(_ evaluation: Evaluation) throws -> [RuntimeValue?] {
    let input = try evaluation.tensor(0)
    guard (1...2).contains(input.shape.count) else {
      throw GraphError(.shapeMismatch, "the input must be [C] or [N, C], not \(input)")
    }
    let pool = try NGramPool(evaluation.node)
    let tokens = input.strings ?? input.integers.map { $0.map(String.init) } ?? []
    guard tokens.count == input.count else { throw GraphError(.unsupportedType, "\(input) holds no tokens") }
    let length = input.shape[input.shape.count - 1]
    let rows = input.shape.count == 2 ? input.shape[0] : 1
    var result = [Float](repeating: 0, count: rows * pool.width)
    for row in 0..<rows {
      pool.count(
        tokens[(row * length)..<((row + 1) * length)],
        into: &result[(row * pool.width)..<((row + 1) * pool.width)])
    }
    return [.tensor(Tensor(result, shape: input.shape.dropLast() + [pool.width]))]
  }
}

/// The n-grams of a TfIdfVectorizer; tokens are compared by their text.
private struct NGramPool {
  /// Each n-gram's number in the pool.
  private var numbers: [[String]: Int] = [:]
  private let places: [Int]
  private let weights: [Float]
  private let mode: String
  private let lengths: ClosedRange<Int>
  private let longestSkip: Int
  let width: Int

  /// The length of the vectors.
  static func width(of node: Node) throws -> Int {
    guard let places = try node.ints("ngram_indexes"), places.allSatisfy({ (0..<1 << 28).contains($0) })
    else {
      throw GraphError(.invalidAttribute, "ngram_indexes are missing or out of range")
    }
    return (places.max() ?? -1) + 1
  }

  init(_ node: Node) throws {
    width = try Self.width(of: node)
    places = try node.ints("ngram_indexes") ?? []
    mode = try node.string("mode", default: "TF")
    guard ["TF", "IDF", "TFIDF"].contains(mode) else {
      throw GraphError(.invalidAttribute, "mode '\(mode)' is not known")
    }
    let pool =
      try node.attributes["pool_strings"]?.strings ?? node.ints("pool_int64s").map { $0.map(String.init) }
      ?? []
    let starts = try node.ints("ngram_counts") ?? []
    let (shortest, longest) = (try node.int("min_gram_length"), try node.int("max_gram_length"))
    longestSkip = try node.int("max_skip_count")
    guard shortest >= 1, longest >= shortest, longest <= starts.count, longestSkip >= 0 else {
      throw GraphError(.invalidAttribute, "n-grams of \(shortest) to \(longest) tokens don't fit the pool")
    }
    lengths = shortest...longest
    let given = node.attributes["weights"]?.floats ?? []
    weights = given.isEmpty ? Array(repeating: 1, count: places.count) : given
    for (index, start) in starts.enumerated() {
      let end = index + 1 < starts.count ? starts[index + 1] : pool.count
      guard start >= 0, end >= start, end <= pool.count, (end - start) % (index + 1) == 0 else {
        throw GraphError(.invalidAttribute, "ngram_counts \(starts) don't divide the pool")
      }
      for first in stride(from: start, to: end, by: index + 1) {
        numbers[Array(pool[first..<first + index + 1])] = numbers.count
      }
    }
    guard numbers.count <= places.count, weights.count == places.count else {
      throw GraphError(
        .invalidAttribute, "\(numbers.count) n-grams, \(places.count) indexes and \(weights.count) weights")
    }
  }

  func count(_ tokens: ArraySlice<String>, into vector: inout ArraySlice<Float>) {
    let base = vector.startIndex
    for length in lengths {
      // A single token has nothing to skip.
      for skip in 0...(length == 1 ? 0 : min(longestSkip, tokens.count)) {
        let reach = (length - 1) * (skip + 1)
        guard reach < tokens.count else { break }
        for start in tokens.startIndex..<(tokens.endIndex - reach) {
          let gram = (0..<length).map { tokens[start + $0 * (skip + 1)] }
          guard let number = numbers[gram] else { continue }
          let place = base + places[number]
          switch mode {
          case "TF": vector[place] += 1
          case "IDF": vector[place] = weights[number]
          default: vector[place] += weights[number]
          }
        }
      }
    }
  }
}
