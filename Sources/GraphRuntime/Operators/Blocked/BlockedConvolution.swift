import CKernels

/// Conv and FusedConv on blocked tensors: clamp(Conv(X, W, B) + residual).
///
/// Constant weights and biases are packed when the plan is made, or taken from the `.graph`; computed ones in every run. A
/// network's first layer reads its few channels row-major.
enum BlockedConvolution {
  static let implementation = BlockedImplementation(form: form, kernel: prepare)

  /// The most input channels that are read row-major instead of blocked.
  private static let mostPlanarChannels = 4

  @Sendable private static func form(_ query: BlockedQuery) throws -> BlockedForm? {
    guard query.isImage(query.input(0)), query.isImage(query.outputs.first ?? nil),
      query.isImage(query.input(1)), query.input(3) == nil || query.isImage(query.input(3))
    else { return nil }
    let conv = try convolution(
      query.node, input: query.shape(0)!, weights: query.shape(1)!, output: query.outputShape!)
    guard let conv else { return nil }
    let isPlanar = conv.groups == 1 && conv.in_channels <= mostPlanarChannels
    var form = BlockedForm(inputs: isPlanar ? [] : [0], isPreferred: true)
    if query.constant(1) != nil, servesPairs(conv, isPlanar: isPlanar) { form.pairing = .each }
    if query.input(3) != nil {
      form.inputs.insert(3)
      form.sharing = .overwrites([3])
    }
    return form
  }

  /// Whether bf16 kernels serve the convolution.
  private static func servesPairs(_ conv: csn_conv, isPlanar: Bool) -> Bool {
    var conv = conv
    return csn_conv_weight_count(isPlanar ? CSN_CONV_PLANAR_BF16 : CSN_CONV_BF16, &conv) > 0
  }

  /// The node's attributes as the kernels have them; nil where these don't serve them.
  static func convolution(_ node: Node, input: [Int], weights: [Int], output: [Int]) throws -> csn_conv? {
    let groups = try node.int("group", default: 1)
    let attributes = try WindowAttributes(node, kernel: Array(weights.dropFirst(2)))
    let (inPlane, outPlane) = (Array(input.dropFirst(2)), Array(output.dropFirst(2)))
    let before = attributes.padsBefore(input: inPlane, output: outPlane)
    let after = attributes.padsAfter(input: inPlane, output: outPlane)
    let all = attributes.kernel + attributes.strides + attributes.dilations
    guard (before + after).allSatisfy({ $0 >= 0 && $0 < 1 << 20 }), all.allSatisfy({ $0 < 1 << 20 }) else {
      return nil
    }
    var conv = csn_conv_make(
      Int32(input[1]), Int32(output[1]), Int32(attributes.kernel[0]), Int32(attributes.kernel[1]))
    conv.groups = Int32(groups)
    (conv.stride_h, conv.stride_w) = (Int32(attributes.strides[0]), Int32(attributes.strides[1]))
    (conv.dilation_h, conv.dilation_w) = (Int32(attributes.dilations[0]), Int32(attributes.dilations[1]))
    (conv.pad_top, conv.pad_left) = (Int32(before[0]), Int32(before[1]))
    (conv.pad_bottom, conv.pad_right) = (Int32(after[0]), Int32(after[1]))
    if try FusedConvolution.isPaddedByEdge(node) { conv.padding = CSN_PAD_EDGE }
    if let clamp = try FusedConvolution.clamp(of: node) {
      guard clamp.low <= clamp.high else { return nil }
      (conv.lower, conv.upper) = (clamp.low, clamp.high)
    }
    return conv
  }

  @Sendable private static func prepare(_ builder: inout KernelBuilder) throws {
    let (x, w, y) = (try builder.input(0), try builder.input(1), try builder.output())
    guard var conv = try convolution(builder.node, input: x.shape, weights: w.shape, output: y.shape) else {
      throw GraphError(.invalidAttribute, "the window's extents are too large")
    }
    var (input, output) = (x.tensor, y.tensor)
    let residual = builder.optionalInput(3)
    var options = csn_conv_default_options()
    (options.level, options.threads) = (builder.level, Int32(builder.threads))
    options.allow_bf16 = builder.precision == .bfloat16
    // Other algorithms' packing, once a run, would cost more than they save.
    if w.constant == nil {
      options.algorithm = input.layout == CSN_BLOCKED ? CSN_CONV_DIRECT : CSN_CONV_PLANAR
    }
    var plan = csn_conv_plan()
    let status: csn_status
    if var addend = residual?.tensor {
      status = csn_conv_plan_make(&plan, &conv, &input, &output, &addend, &options)
    } else {
      status = csn_conv_plan_make(&plan, &conv, &input, &output, nil, &options)
    }
    guard status == CSN_OK else {
      throw GraphError(
        .shapeMismatch, "no kernel serves a convolution of \(x.type) by \(w.type) to \(y.type)")
    }
    let packed = try packedWeights(&builder, for: plan)
    let bias = try builder.addPaddedBias(from: 2, count: plan.bias_count)
    builder.note(choice: String(cString: csn_conv_algorithm_name(plan.algorithm)))
    builder.emitConvolution(
      plan, x: x.slot, weights: packed, bias: bias, residual: residual?.slot ?? -1, y: y.slot)
  }

  /// The slot of the weights as `plan` reads them.
  private static func packedWeights(_ builder: inout KernelBuilder, for plan: csn_conv_plan) throws -> Int {
    let w = try builder.input(1)
    let byteCount = plan.weight_count * MemoryLayout<Float>.stride
    let pack = { @Sendable (weights: UnsafeRawPointer, packed: UnsafeMutableRawPointer) in
      var conv = plan.conv
      csn_conv_pack(
        plan.algorithm, &conv, weights.assumingMemoryBound(to: Float.self),
        packed.assumingMemoryBound(to: Float.self))
    }
    if w.constant != nil {
      // The packing of one weight depends on the groups that it is read in.
      let groups = plan.conv.groups > 1 ? "-g\(plan.conv.groups)" : ""
      let form = "conv-\(String(cString: csn_conv_algorithm_name(plan.algorithm)))\(groups)"
      return try builder.addDerivedConstant(from: 1, form: form, byteCount: byteCount, make: pack)
    }
    let packed = builder.addScratch(byteCount: byteCount)
    builder.emit { pack(UnsafeRawPointer($0.slots[w.slot]!), $0.slots[packed]!) }
    return packed
  }
}

extension KernelBuilder {
  /// The slot of the float vector at input `index`, filled up with zeros to `count` values; -1 where it is left out.
  mutating func addPaddedBias(from index: Int, count: Int) throws -> Int {
    guard let operand = optionalInput(index) else { return -1 }
    let channels = operand.count
    let byteCount = count * MemoryLayout<Float>.stride
    let pad = { @Sendable (values: UnsafeRawPointer, padded: UnsafeMutableRawPointer) in
      padded.initializeMemory(as: Float.self, repeating: 0, count: count)
      padded.copyMemory(from: values, byteCount: channels * MemoryLayout<Float>.stride)
    }
    if operand.constant != nil {
      return try addDerivedConstant(from: index, form: "conv-bias", byteCount: byteCount, make: pad)
    }
    let padded = addScratch(byteCount: byteCount)
    emit { pad(UnsafeRawPointer($0.slots[operand.slot]!), $0.slots[padded]!) }
    return padded
  }

  /// Adds a step that runs `plan` on the memory of slots; -1 for no bias or residual.
  mutating func emitConvolution(
    _ plan: csn_conv_plan, x: Int, weights: Int, bias: Int, residual: Int = -1, y: Int
  ) {
    let scratch = addScratch(byteCount: plan.scratch_bytes)
    emit(
      ConvolutionArguments.run,
      ConvolutionArguments(
        plan: plan, x: x, weights: weights, bias: bias, residual: residual, y: y, scratch: scratch))
  }
}

/// A convolution's plan, and the slots of what it runs on.
private struct ConvolutionArguments: BitwiseCopyable {
  let plan: csn_conv_plan
  let x, weights: Int
  /// -1 where there is none.
  let bias, residual: Int
  let y, scratch: Int

  static let run: csn_step_function = { arguments, slots, pool in
    let plan = arguments!.assumingMemoryBound(to: csn_conv_plan.self)
    let arguments = arguments!.assumingMemoryBound(to: ConvolutionArguments.self)
    func memory(_ slot: Int) -> UnsafeMutablePointer<Float>? {
      slot < 0 ? nil : slots![slot]?.assumingMemoryBound(to: Float.self)
    }
    csn_conv_run(
      plan, memory(arguments.pointee.x), memory(arguments.pointee.weights), memory(arguments.pointee.bias),
      memory(arguments.pointee.residual), memory(arguments.pointee.y), slots![arguments.pointee.scratch], pool
    )
  }
}
