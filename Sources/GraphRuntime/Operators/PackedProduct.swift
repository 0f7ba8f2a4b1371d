import CKernels

/// The product of float rows [m, k] and a constant matrix, plus a bias, on the convolution kernels.
///
/// A dense matrix whose rows are whole blocks of 16 channels lies in memory just as m blocked images of one pixel do, so
/// that the product is a 1x1 convolution of it. Its weights are packed ahead, and a row's bits don't depend on the rows
/// around it; but for bf16, where only products of few rows round.
struct PackedProduct {
  let m, n, k: Int
  /// Whether the constant is [n, k] instead of [k, n].
  let isTransposed: Bool

  private static let mostRoundedRows = 16

  /// Adds the step; false where another kernel has to serve: k isn't a multiple of 16, input 1 isn't a constant, input
  /// `bias` isn't a row of n values, or nothing keeps what is packed.
  func emit(_ builder: inout KernelBuilder, bias biasIndex: Int? = nil) throws -> Bool {
    let block = Int(csn_block), limit = 1 << 20
    let (x, w, y) = (try builder.input(0), try builder.input(1), try builder.output())
    guard builder.derivedConstants != nil, w.constant != nil, k % block == 0,
      [m, n, k].allSatisfy((1..<limit).contains)
    else { return false }
    if let biasIndex {
      let bias = try builder.input(biasIndex)
      guard bias.count == n, bias.shape.last == n else { return false }
    }
    var conv = csn_conv_make(Int32(k), Int32(n), 1, 1)
    let columns = ceilDivide(n, block) * block
    var (input, output) = (Self.rows(m, by: k, stride: k), Self.rows(m, by: n, stride: columns))
    var options = csn_conv_default_options()
    (options.level, options.threads) = (builder.level, Int32(builder.threads))
    // Rows by themselves fill a tile of bf16 with one pixel each: right for a classifier's few.
    let mayRound =
      builder.precision == .bfloat16 && csn_cpu_level_has_amx(builder.level) && m <= Self.mostRoundedRows
    (options.allow_bf16, options.winograd_limit) = (mayRound, 0)
    if !mayRound { options.algorithm = CSN_CONV_DIRECT }
    var plan = csn_conv_plan()
    guard csn_conv_plan_make(&plan, &conv, &input, &output, nil, &options) == CSN_OK else { return false }
    let (n, k, isTransposed, algorithm) = (n, k, isTransposed, plan.algorithm)
    let form = (algorithm == CSN_CONV_BF16 ? "product-bf16" : "product") + (isTransposed ? "-nk" : "-kn")
    let weights = try builder.addDerivedConstant(
      from: 1, form: form,
      byteCount: plan.weight_count * MemoryLayout<Float>.stride
    ) { source, packed in
      var conv = conv
      let values = source.assumingMemoryBound(to: Float.self)
      let target = packed.assumingMemoryBound(to: Float.self)
      if isTransposed {
        csn_conv_pack(algorithm, &conv, values, target)
      } else {
        let transposed = [Float](unsafeUninitializedCapacity: n * k) { buffer, count in
          for column in 0..<n {
            for row in 0..<k { buffer[column * k + row] = values[row * n + column] }
          }
          count = n * k
        }
        csn_conv_pack(algorithm, &conv, transposed, target)
      }
    }
    let bias = try biasIndex.map { try builder.addPaddedBias(from: $0, count: plan.bias_count) } ?? -1
    // Rows of whole blocks, of which y takes the first n columns, where y's rows are none.
    let padded = columns == n ? nil : builder.addScratch(byteCount: m * columns * MemoryLayout<Float>.stride)
    builder.note(choice: algorithm == CSN_CONV_BF16 ? "packed bf16" : "packed")
    builder.emitConvolution(plan, x: x.slot, weights: weights, bias: bias, y: padded ?? y.slot)
    if let padded {
      builder.emit { [m] memory in
        let (source, target) = (
          memory.pointer(padded, as: Float.self), memory.pointer(y.slot, as: Float.self)
        )
        for row in 0..<m { (target + row * n).update(from: source + row * columns, count: n) }
      }
    }
    return true
  }

  /// A matrix of `count` rows as blocked images of one pixel.
  private static func rows(_ count: Int, by width: Int, stride: Int) -> csn_tensor {
    var tensor = csn_tensor_make(CSN_BLOCKED, Int32(count), Int32(width), 1, 1, 0, 0, 0, 0)
    tensor.image_stride = stride
    return tensor
  }
}
