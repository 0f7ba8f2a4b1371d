import GraphRuntime

/// The fine-tuning convolution FM behind a filter bank: 64 maps to 64 maps, identity unless trained.
struct FeatureMap: Sendable {
  /// [64, 64, k, k]; nil for the identity, which costs nothing.
  private let weight: Tensor?
  private let bias: Tensor?
  /// Pixels it needs around each pixel.
  let halo: Int

  private static let largestKernel = 15

  private init(weight: Tensor?, bias: Tensor?, halo: Int) {
    self.weight = weight
    self.bias = bias
    self.halo = halo
  }

  /// The trained map `fm.NAME`, or the identity where the head file has none.
  init(loading bank: String, from head: inout HeadWeights, report: inout BuildReport) throws(CSNError) {
    let name = "fm.\(bank)"
    guard head.has(prefix: name + ".") else {
      self.init(weight: nil, bias: nil, halo: 0)
      report.add(.derived, name, "identity")
      return
    }
    let count = FilterBank.count
    let shape = head.shape(name + ".weight") ?? []
    guard shape.count == 4, shape[2] % 2 == 1, shape[2] == shape[3], shape[2] <= Self.largestKernel else {
      throw CSNError(
        .invalidHead,
        "the head's '\(name).weight' is [\(shape.map(String.init).joined(separator: ","))], where [64,64,k,k] with odd k up to \(Self.largestKernel) is needed"
      )
    }
    let extents = [count, count, shape[2], shape[2]]
    self.init(
      weight: Tensor(rounding: try head.take(name + ".weight", shape: extents), shape: extents),
      bias: Tensor(rounding: try head.takeOrZeros(name + ".bias", shape: [count]), shape: [count]),
      halo: shape[2] / 2)
    report.add(.loaded, name, "\(shape[2])x\(shape[2])")
  }

  /// Adds the convolution without padding: the maps lose `halo` pixels on each side.
  func append(to graph: inout Graph, reading maps: Value.ID, name: String) -> Value.ID {
    guard let weight, let bias else { return maps }
    let kernel = graph.addInitializer("\(name).weight", weight)
    let offset = graph.addInitializer("\(name).bias", bias)
    return graph.add(
      "Conv", maps, kernel, offset, attributes: ["kernel_shape": .ints(Array(weight.shape.suffix(2)))],
      name: name)
  }
}

/// The convolution that makes luma of feature maps.
struct Synthesis: Sendable {
  private let name: String
  /// [1, channels, 7, 7].
  private let weight: Tensor
  private let bias: Tensor?

  /// The trained `name` of the head file, or the dual of the banks.
  init(
    name: String, of banks: [FilterBank], loading head: inout HeadWeights, report: inout BuildReport
  ) throws(CSNError) {
    self.name = name
    let shape = [1, banks.count * FilterBank.count, FilterBank.size, FilterBank.size]
    if head.has(prefix: name + ".") {
      weight = Tensor(rounding: try head.take(name + ".weight", shape: shape), shape: shape)
      bias = Tensor(rounding: try head.takeOrZeros(name + ".bias", shape: [1]), shape: [1])
      report.add(.loaded, name, shape.map(String.init).joined(separator: "x"))
    } else {
      weight = Tensor(rounding: try DualBank(of: banks).filters, shape: shape)
      bias = nil
      report.add(
        .derived, name, "dual of the filters of \(banks.map { "CSN " + $0.name }.joined(separator: " and "))")
    }
  }

  /// Adds the constants once, for any number of uses.
  func constants(in graph: inout Graph) -> (weight: Value.ID, bias: Value.ID?) {
    let kernel = graph.addInitializer("\(name).weight", weight)
    return (kernel, bias.map { graph.addInitializer("\(name).bias", $0) })
  }
}
