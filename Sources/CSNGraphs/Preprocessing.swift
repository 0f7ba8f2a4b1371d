import GraphRuntime

/// What a network was trained to read: how RGB in 0..1 becomes its input.
public enum Preprocessing: String, Sendable, CaseIterable {
  /// (RGB - mean) / std with the ImageNet statistics: torchvision, Gluon.
  case imagenet
  /// BGR in 0..255 minus (104, 117, 123): Caffe, and Keras's ResNet50.
  case caffe
  /// RGB in 0..1.
  case unit
  /// RGB in 0..255.
  case raw
  /// RGB in -1..1: TensorFlow's Inception family.
  case tf

  /// Whether the channels are in the order blue, green, red.
  public var reversesChannels: Bool { self == .caffe }

  /// By channel of the network's input: what RGB in 0..1 is multiplied with.
  public var scale: [Float] {
    switch self {
    case .imagenet: [1 / 0.229, 1 / 0.224, 1 / 0.225]
    case .caffe, .raw: [255, 255, 255]
    case .unit: [1, 1, 1]
    case .tf: [2, 2, 2]
    }
  }

  /// By channel of the network's input: what is added after the scale.
  public var offset: [Float] {
    switch self {
    case .imagenet: [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]
    case .caffe: [-104, -117, -123]
    case .unit, .raw: [0, 0, 0]
    case .tf: [-1, -1, -1]
    }
  }
}

extension Preprocessing {
  /// Adds the nodes that make the network's input from `images` [N, 3, H, W], RGB in 0..1.
  func append(to graph: inout Graph, images: Value.ID, prefix: String) -> Value.ID {
    var value = images
    if reversesChannels {
      let order = graph.addInitializer(prefix + "bgr", Tensor([2, 1, 0] as [Int64], shape: [3]))
      value = graph.add("Gather", value, order, attributes: ["axis": .int(1)], name: prefix + "to_bgr")
    }
    if scale != [1, 1, 1] {
      let factor = graph.addInitializer(prefix + "scale", Tensor(scale, shape: [1, 3, 1, 1]))
      value = graph.add("Mul", value, factor, name: prefix + "scaled")
    }
    if offset != [0, 0, 0] {
      let term = graph.addInitializer(prefix + "offset", Tensor(offset, shape: [1, 3, 1, 1]))
      value = graph.add("Add", value, term, name: prefix + "normalized")
    }
    return value
  }
}
