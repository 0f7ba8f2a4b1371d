import CSNGraphs
import GraphRuntime
import ImageFiles

/// Classifies pictures, and tells how similar they are, with a CSN, a fusion graph or any classifier.
struct ClassificationTask {
  /// One class a picture may show.
  struct Prediction: Encodable, Equatable {
    let label: String
    let index: Int
    let probability: Float
  }

  struct Results {
    /// By picture, the likeliest class first; nil where the graph has no classes.
    var classes: [[Prediction]]?
    /// By pair of pictures; nil where the graph has no such output.
    var similarity: [[Float]]?
  }

  let model: LoadedModel
  let role: ModelRole
  /// Names given on the command line; nil for the graph's own.
  var names: [String]?
  var top = 5
  /// For models that carry no preprocessing.
  var preprocessing = Preprocessing.imagenet

  func run(on images: [Image]) throws -> Results {
    switch role {
    case .fusionGraph: try runGraph(on: Tensor(stacking: images.map { Planes($0).rgb }))
    case .similarityNetwork(let network):
      try runGraph(on: Tensor(stacking: images.map { network.fitted($0) }))
    case .classifier(let classifier): try run(classifier, on: images)
    case .fusionModel: Results()
    }
  }

  private func runGraph(on images: Tensor) throws -> Results {
    let wanted = ["probabilities", "similarity"].filter { name in
      model.session.outputs.contains { $0.name == name }
    }
    guard !wanted.isEmpty else { return Results() }
    let outputs = try Progress.show("classifying") { _ in
      try model.session.run(["images": images], outputs: wanted)
    }
    return Results(
      classes: try outputs["probabilities"].map { try predictions($0.rows("probabilities")) },
      similarity: try outputs["similarity"]?.rows("similarity"))
  }

  private func run(_ classifier: ModelRole.Classifier, on images: [Image]) throws -> Results {
    let step = classifier.batch ?? images.count
    guard images.count % step == 0 else {
      throw CommandLineError("\(model.path) takes \(step) pictures at once, but \(images.count) are given")
    }
    let rows = try Progress.show("classifying") { report in
      var rows: [[Float]] = []
      for start in stride(from: 0, to: images.count, by: step) {
        let pictures = try images[start..<start + step].map {
          try preprocessing.apply(to: classifier.fitted($0))
        }
        let input = Tensor(stacking: pictures)
        let outputs = try model.session.run(
          [classifier.input: classifier.isChannelsLast ? input.channelsLast : input],
          outputs: [classifier.output])
        rows += try outputs[classifier.output]?.rows(classifier.output) ?? []
        report(Double(rows.count) / Double(images.count))
      }
      return rows
    }
    return Results(classes: try predictions(rows.map(Self.probabilities)), similarity: nil)
  }

  /// The likeliest classes of each row.
  private func predictions(_ rows: [[Float]]) throws -> [[Prediction]] {
    let names = self.names ?? Self.labels(of: model.graph)
    return try rows.map { row in
      if let names, names.count != row.count {
        let owner = self.names == nil ? "\(model.path)" : "--classes"
        throw CommandLineError(
          "\(owner) holds \(names.count) names, but \(model.path) has \(row.count) classes")
      }
      // Of equals the first comes first; what is not a number comes last.
      let order = row.indices.sorted { a, b in
        let x = row[a].isNaN ? -Float.infinity : row[a]
        let y = row[b].isNaN ? -Float.infinity : row[b]
        return x > y || x == y && a < b
      }
      return order.prefix(top).map { index in
        let name = names?[index] ?? ""
        let label = name.isEmpty ? "class \(index)" : name
        return Prediction(label: label, index: index, probability: row[index])
      }
    }
  }

  /// The class names that a graph carries; an empty one is that of a class without a name.
  static func labels(of graph: Graph) -> [String]? {
    graph.metadata[CSNMetadata.labels]?.split(separator: "\n", omittingEmptySubsequences: false).map(
      String.init)
  }

  /// The row itself where it is a distribution, else its softmax: many exports leave the last layer out.
  static func probabilities(_ row: [Float]) -> [Float] {
    let sum = row.reduce(0, +)
    if row.allSatisfy({ $0 >= 0 && $0 <= 1.0001 }), abs(sum - 1) < 0.01 { return row }
    guard let largest = row.max(), largest.isFinite else { return row }
    let powers = row.map { Float.exp($0 - largest) }
    let total = powers.reduce(0, +)
    return powers.map { $0 / total }
  }
}

extension ModelRole.Classifier {
  /// What a classifier sees of a picture: its shorter side brought to 8/7 of the input (256 for 224), the middle cut out.
  func fitted(_ image: Image) -> Planes {
    let side = max(height, width) * 8 / 7
    return Planes(image.resized(shorterSide: side, croppedTo: width, by: height)).rgb
  }
}

extension Tensor {
  /// The rows of a matrix [N, C] or [N, C, 1, 1] of floats.
  func rows(_ name: String) throws -> [[Float]] {
    guard elementType == .float32, shape.count >= 2, shape.dropFirst(2).allSatisfy({ $0 == 1 }) else {
      throw CommandLineError("output '\(name)' is \(self), not a matrix of floats")
    }
    let elements = self.elements(Float.self)
    return (0..<shape[0]).map { Array(elements[$0 * shape[1]..<($0 + 1) * shape[1]]) }
  }

  /// [N, C, H, W] as [N, H, W, C].
  fileprivate var channelsLast: Tensor {
    let (count, channels, area) = (shape[0], shape[1], shape[2] * shape[3])
    let elements = self.elements(Float.self)
    return Tensor(Float.self, shape: [count, shape[2], shape[3], channels]) { target in
      for image in 0..<count {
        for channel in 0..<channels {
          for pixel in 0..<area {
            target[(image * area + pixel) * channels + channel] =
              elements[(image * channels + channel) * area + pixel]
          }
        }
      }
    }
  }
}
