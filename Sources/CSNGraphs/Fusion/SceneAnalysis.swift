import GraphRuntime

/// What the fusion knows of each picture before any filter: luma, local brightness (base), the rest (detail), how
/// lively each neighbourhood is, and colour.
struct SceneAnalysis {
  /// Colour differences RGB - Y: [N, 3, H, W].
  private let colour: Value.ID
  /// Local mean of luma: [N, 1, H, W].
  private let base: Value.ID
  /// Luma minus base: [N, 1, H, W].
  let detail: Value.ID
  /// Local mean of |detail|, plus a little: [N, 1, H, W].
  private let activity: Value.ID
  /// The axis of the pictures.
  private let pictures: Value.ID
  private let channels: Value.ID

  /// Half the side of the neighbourhoods: a little more than the decoder's reach, so that what a filter sees as an
  /// edge belongs to one neighbourhood.
  private static let radius = 12
  /// BT.601.
  private static let lumaWeights: [Float] = [0.299, 0.587, 0.114]
  /// Activity below which neighbourhoods count as equally flat: about two and a half grey levels, sensor noise.
  private static let activityFloor: Float = 0.01
  /// Colour below which pictures count as equally grey: a quarter of a grey level.
  private static let colourFloor: Float = 0.001

  init(appendingTo graph: inout Graph, images: Value.ID) {
    pictures = graph.addInitializer("axis.pictures", Tensor([0] as [Int64], shape: [1]))
    channels = graph.addInitializer("axis.channels", Tensor([1] as [Int64], shape: [1]))
    let weights = graph.addInitializer("luma.weights", Tensor(Self.lumaWeights, shape: [1, 3, 1, 1]))
    let weighted = graph.add("Mul", images, weights, name: "luma.weighted")
    let luma = graph.add("ReduceSum", weighted, channels, name: "luma")
    colour = graph.add("Sub", images, luma, name: "colour")
    let once = Self.blurred(luma, in: &graph, name: "base.once")
    base = Self.blurred(once, in: &graph, name: "base")
    detail = graph.add("Sub", luma, base, name: "detail")
    let strength = graph.add("Abs", detail, name: "detail.strength")
    let mean = Self.blurred(strength, in: &graph, name: "activity.mean")
    let floor = graph.addInitializer("activity.floor", Tensor(scalar: Self.activityFloor))
    activity = graph.add("Add", mean, floor, name: "activity")
  }

  /// The mean over a square neighbourhood, as a column's mean of row means.
  private static func blurred(_ value: Value.ID, in graph: inout Graph, name: String) -> Value.ID {
    let side = 2 * radius + 1
    let padded = graph.padded(value, by: radius, name: name + ".padded")
    let rows = graph.add(
      "AveragePool", padded, attributes: ["kernel_shape": .ints([1, side])], name: name + ".rows")
    return graph.add("AveragePool", rows, attributes: ["kernel_shape": .ints([side, 1])], name: name)
  }

  /// Adds the fused base, [1, 1, H, W]: under `max` the bases weighted with their activity, else their mean. (The
  /// sum of pictures would be N times as bright; the sum of their details on the mean brightness is what shows.)
  func appendBase(to graph: inout Graph, rule: FusionRule, prefix: String) -> Value.ID {
    guard rule.resolved == .max else {
      return graph.add("ReduceMean", base, pictures, name: prefix + "base")
    }
    return weightedMean(base, weights: activity, in: &graph, name: prefix + "base")
  }

  /// Adds the fused colour, [1, 3, H, W]: colours weighted with their strength and with the square of the activity,
  /// so that the sharp picture gives the colour, and a grey one none.
  func appendChroma(to graph: inout Graph) -> Value.ID {
    let amounts = graph.add("Abs", colour, name: "colour.amounts")
    let total = graph.add("ReduceSum", amounts, channels, name: "colour.total")
    let floor = graph.addInitializer("colour.floor", Tensor(scalar: Self.colourFloor))
    let strength = graph.add("Add", total, floor, name: "colour.strength")
    let squared = graph.add("Mul", activity, activity, name: "activity.squared")
    let weights = graph.add("Mul", strength, squared, name: "colour.weights")
    return weightedMean(colour, weights: weights, in: &graph, name: "colour.fused")
  }

  private func weightedMean(_ value: Value.ID, weights: Value.ID, in graph: inout Graph, name: String)
    -> Value.ID
  {
    let weighted = graph.add("Mul", value, weights, name: name + ".weighted")
    let sum = graph.add("ReduceSum", weighted, pictures, name: name + ".sum")
    let total = graph.add("ReduceSum", weights, pictures, name: name + ".total")
    return graph.add("Div", sum, total, name: name)
  }
}
