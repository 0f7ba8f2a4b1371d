import GraphRuntime
import ImageFiles
import ONNXParse
import TestSupport

/// Models of a few nodes, written where a test needs them.
enum SmallModels {
  private static let picture: Shape = [.symbol("N"), 3, .symbol("H"), .symbol("W")]

  /// The larger of two pictures, as a foreign fusion model.
  static func maximum(channels: Int = 3) -> Graph {
    var graph = Graph(name: "maximum")
    let shape: Shape = [.symbol("N"), .fixed(channels), .symbol("H"), .symbol("W")]
    let inputs = ["a", "b"].map { graph.addInput($0, .tensor(TensorType(.float32, shape))) }
    graph.addOutput(graph.add("Max", inputs[0], inputs[1], output: "larger"))
    return graph
  }

  /// The mean of red, green and blue, times 100: a classifier whose classes are the three colours, without softmax.
  static func color(input shape: Shape = [1, 3, 28, 28]) -> Graph {
    var graph = Graph(name: "color")
    let input = graph.addInput("picture", .tensor(TensorType(.float32, shape)))
    let isChannelsLast = shape[3].value == 3
    let axes = graph.addInitializer("axes", Tensor(isChannelsLast ? [1, 2] : [2, 3] as [Int64], shape: [2]))
    let mean = graph.add("ReduceMean", input, axes, attributes: ["keepdims": .int(0)])
    let factor = graph.addInitializer("factor", Tensor(scalar: Float(100)))
    graph.addOutput(graph.add("Mul", mean, factor, output: "scores"))
    return graph
  }

  /// The larger of two pictures, without its border.
  static func shrinking() -> Graph {
    var graph = Graph(name: "shrinking")
    let inputs = ["a", "b"].map { graph.addInput($0, .tensor(TensorType(.float32, picture))) }
    let larger = graph.add("Max", inputs[0], inputs[1])
    graph.addOutput(
      graph.add("AveragePool", larger, attributes: ["kernel_shape": .ints([3, 3])], output: "smaller"))
    return graph
  }

  /// A classifier of three classes with the parts of a backbone: 64 filters of 7x7, a pooling, a dense layer.
  static func backbone() -> Graph {
    func numbers(_ shape: [Int], scale: Float) -> Tensor {
      var state: UInt32 = UInt32(shape.count)
      let elements = (0..<shape.reduce(1, *)).map { _ -> Float in
        state = state &* 1_664_525 &+ 1_013_904_223
        return scale * (Float(state >> 8) / 0x1p23 - 1)
      }
      return Tensor(elements, shape: shape)
    }
    var graph = Graph(name: "backbone")
    let input = graph.addInput("data", .tensor(TensorType(.float32, [.symbol("N"), 3, 32, 32])))
    let filters = graph.addInitializer("filters", numbers([64, 3, 7, 7], scale: 0.1))
    let stem = graph.add(
      "Conv", input, filters, attributes: ["strides": .ints([2, 2]), "pads": .ints([3, 3, 3, 3])],
      name: "stem")
    let pooled = graph.add("Flatten", graph.add("GlobalAveragePool", graph.add("Relu", stem)))
    let weight = graph.addInitializer("weight", numbers([64, 3], scale: 1))
    graph.addOutput(graph.add("Softmax", graph.add("Gemm", pooled, weight, name: "fc"), output: "classes"))
    return graph
  }

  /// Whose shapes depend on data: the places of what is not zero.
  static func nonzero() -> Graph {
    var graph = Graph(name: "nonzero")
    let input = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N")])))
    graph.addOutput(graph.add("NonZero", graph.add("Relu", input, name: "relu"), name: "places", output: "y"))
    return graph
  }

  /// The extents of its input, twice.
  static func ownShape() -> Graph {
    var graph = Graph(name: "shape")
    let input = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N")])))
    let shape = graph.add("Shape", input)
    graph.addOutput(graph.add("Add", shape, shape, output: "y"))
    return graph
  }

  /// The length of a list of tensors.
  static func listLength() -> Graph {
    var graph = Graph(name: "list")
    let input = graph.addInput("list", .sequence(.tensor(TensorType(.float32, nil))))
    graph.addOutput(graph.add("SequenceLength", input, output: "length"))
    return graph
  }

  /// x·w + 1 for x [N, 2] and w [2, 3].
  static func affine(weight: [Int] = [2, 3]) -> Graph {
    var graph = Graph(name: "affine")
    let input = graph.addInput("x", .tensor(TensorType(.float32, [.symbol("N"), 2])))
    let elements = (0..<weight.reduce(1, *)).map { Float($0) }
    let matrix = graph.addInitializer("w", Tensor(elements, shape: weight))
    let one = graph.addInitializer("one", Tensor(scalar: Float(1)))
    let product = graph.add("MatMul", input, matrix, name: "product")
    graph.addOutput(graph.add("Add", product, one, name: "sum", output: "y"))
    return graph
  }

  /// A node that no runtime has.
  static func unsupported() -> Graph {
    var graph = Graph(name: "unsupported")
    let inputs = ["a", "b"].map { graph.addInput($0, .tensor(TensorType(.float32, picture))) }
    graph.addOutput(graph.add("Frobnicate", inputs[0], inputs[1], name: "odd", output: "y"))
    return graph
  }

  static func write(_ graph: Graph, to path: String) throws {
    if path.hasSuffix(".graph") {
      try GraphFile.write(graph, to: path)
    } else {
      try Model(exporting: graph).write(to: path)
    }
  }
}

/// A picture that `value` gives by row, column and channel.
func picture(
  width: Int, height: Int, _ colorModel: Image.ColorModel = .rgb, bitDepth: Int = 8,
  _ value: (_ row: Int, _ column: Int, _ channel: Int) -> Int
) -> Image {
  var values: [Int] = []
  for row in 0..<height {
    for column in 0..<width {
      for channel in 0..<colorModel.rawValue { values.append(value(row, column, channel)) }
    }
  }
  return Image(
    width: width, height: height, colorModel: colorModel,
    samples: bitDepth == 16
      ? .sixteen(values.map { UInt16(truncatingIfNeeded: $0) })
      : .eight(values.map { UInt8(truncatingIfNeeded: $0) }))
}
