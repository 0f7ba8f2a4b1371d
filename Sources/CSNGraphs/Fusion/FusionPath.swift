import GraphRuntime

/// The way from N pictures to one: filters of CSN v1 and v2, FM, rule, decoder, filters of CSN v3, FM, reconstruction.
///
/// It works on luma, so that colour-opponent filters leave no fringes; colour is carried beside (`Chroma`). Filters see
/// a picture's difference from its own local brightness, the base, which is fused beside: the zero that the rule's
/// positive and negative parts count from then fits dark and bright pictures alike.
struct FusionPath: Sendable {
  /// The banks of CSN v1 and, where there is a second backbone, v2; with their fine-tuning.
  private let analysis: [(bank: FilterBank, map: FeatureMap)]
  private let decoder: Synthesis
  /// CSN v3.
  private let refinement: (bank: FilterBank, map: FeatureMap)
  private let reconstruction: Synthesis

  init(
    banks: [FilterBank], refinement: FilterBank, head: inout HeadWeights, report: inout BuildReport
  ) throws(CSNError) {
    var analysis: [(FilterBank, FeatureMap)] = []
    for bank in banks {
      analysis.append((bank, try FeatureMap(loading: bank.name, from: &head, report: &report)))
    }
    self.analysis = analysis
    decoder = try Synthesis(name: "decoder", of: banks, loading: &head, report: &report)
    self.refinement = (refinement, try FeatureMap(loading: refinement.name, from: &head, report: &report))
    reconstruction = try Synthesis(name: "reconstruction", of: [refinement], loading: &head, report: &report)
  }

  /// Pixels around each pixel that the code of one bank and its decoding need.
}

extension FusionPath {
  /// Adds the fusion of `images` [N, 3, H, W] by each of `rules`; the first takes the name `fused`, the others
  /// `fused_RULE`.
  /// - Returns: [1, 3, H, W] a rule, in 0..1.
  func append(to graph: inout Graph, images: Value.ID, rules: [FusionRule]) -> [Value.ID] {
    let scene = SceneAnalysis(appendingTo: &graph, images: images)
    let chroma = scene.appendChroma(to: &graph)
    let codes = appendCodes(to: &graph, detail: scene.detail)
    let decoding = decoder.constants(in: &graph)
    let filters = constant(refinement.bank, in: &graph)
    let rebuilding = reconstruction.constants(in: &graph)
    let (low, high) = (
      graph.addInitializer("black", Tensor(scalar: Float(0))),
      graph.addInitializer("white", Tensor(scalar: Float(1)))
    )
    return rules.enumerated().map { index, rule in
      let prefix = "\(rule.rawValue)."
      let maps = codes.map { rule.append(to: &graph, codes: $0, prefix: prefix) }
      let fusedMaps = maps.count == 1 ? maps[0] : concatenation(of: maps, in: &graph, prefix: prefix)
      let decoded = convolution(
        fusedMaps, decoding.weight, decoding.bias, in: &graph, name: prefix + "decoded")
      let base = scene.appendBase(to: &graph, rule: rule, prefix: prefix)
      let draft = graph.add("Add", decoded, base, name: prefix + "draft")
      let padded = graph.padded(
        draft, by: FilterBank.size - 1 + refinement.map.halo, name: prefix + "draft_padded")
      let features = convolution(padded, filters, nil, in: &graph, name: prefix + "v3.features")
      let tuned = refinement.map.append(to: &graph, reading: features, name: prefix + "fm.v3")
      let luma = convolution(
        tuned, rebuilding.weight, rebuilding.bias, in: &graph, name: prefix + "reconstructed")
      let colour = graph.add("Add", luma, chroma, name: prefix + "coloured")
      let name = index == 0 ? "fused" : "fused_\(rule.rawValue)"
      return graph.add("Clip", colour, low, high, name: name, output: name)
    }
  }

  /// Adds each bank's code of the detail, [N, 64, H + 6, W + 6]: what the decoder then needs at the borders is there.
  private func appendCodes(to graph: inout Graph, detail: Value.ID) -> [Value.ID] {
    analysis.map { bank, map in
      let halo = FilterBank.size - 1 + map.halo
      let padded = graph.padded(detail, by: halo, name: "\(bank.name).detail_padded")
      let filters = constant(bank, in: &graph)
      let code = convolution(padded, filters, nil, in: &graph, name: "\(bank.name).features")
      return map.append(to: &graph, reading: code, name: "fm.\(bank.name)")
    }
  }

  private func constant(_ bank: FilterBank, in graph: inout Graph) -> Value.ID {
    let shape = [FilterBank.count, 1, FilterBank.size, FilterBank.size]
    return graph.addInitializer("\(bank.name).filters", Tensor(rounding: bank.filters, shape: shape))
  }

  private func convolution(
    _ value: Value.ID, _ weight: Value.ID, _ bias: Value.ID?, in graph: inout Graph, name: String
  ) -> Value.ID {
    let size = FilterBank.size
    let attributes: [String: Attribute] = ["kernel_shape": .ints([size, size])]
    return bias == nil
      ? graph.add("Conv", value, weight, attributes: attributes, name: name)
      : graph.add("Conv", value, weight, bias, attributes: attributes, name: name)
  }

  private func concatenation(of values: [Value.ID], in graph: inout Graph, prefix: String) -> Value.ID {
    let result = graph.addValue(prefix + "features")
    graph.addNode(
      "Concat", name: prefix + "features", inputs: values, outputs: [result], attributes: ["axis": .int(1)])
    return result
  }
}

extension FusionRule {
  /// Adds the element-wise rule over the pictures: [N, C, H, W] to [1, C, H, W] (equation 2).
  ///
  /// Maximum: of the positive and of the negative parts apart, max(max cᵢ, 0) + min(min cᵢ, 0), because a code's sign
  /// only says which side of an edge is bright.
  func append(to graph: inout Graph, codes: Value.ID, prefix: String) -> Value.ID {
    let name = prefix + graph[codes].name
    let pictures = graph.addInitializer(name + ".axis", Tensor([0] as [Int64], shape: [1]))
    switch resolved {
    case .mean: return graph.add("ReduceMean", codes, pictures, name: name + ".mean")
    case .sum: return graph.add("ReduceSum", codes, pictures, name: name + ".sum")
    case .max, .auto:
      let zero = graph.addInitializer(name + ".zero", Tensor(scalar: Float(0)))
      let largest = graph.add("ReduceMax", codes, pictures, name: name + ".largest")
      let smallest = graph.add("ReduceMin", codes, pictures, name: name + ".smallest")
      let positive = graph.add("Relu", largest, name: name + ".positive")
      let negative = graph.add("Min", smallest, zero, name: name + ".negative")
      return graph.add("Add", positive, negative, name: name + ".max")
    }
  }
}

extension Graph {
  /// Repeats the border pixels `margin` times on each side of the last two axes.
  mutating func padded(_ value: Value.ID, by margin: Int, name: String) -> Value.ID {
    let side = Int64(margin)
    let pads = addInitializer(name + ".pads", Tensor([0, 0, side, side, 0, 0, side, side], shape: [8]))
    return add("Pad", value, pads, attributes: ["mode": .string("edge")], name: name)
  }
}
