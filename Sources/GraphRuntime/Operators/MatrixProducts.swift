import ONNXParse

/// Matrix products (ONNX MatMul-13, Gemm-13).
enum MatrixProducts {
  static let operators: [Operator] = [matMul, gemm]

  /// MatMul: NumPy's matmul, batches broadcast, vectors promoted (ONNX MatMul-13).
  private static let matMul = Operator(
    "MatMul", inputs: 2...2,
    infer: { inference in inference.set(0, inference.elementType(0), try matMulShape(&inference)) },
    kernel: { builder in
      if try builder.input(0).elementType.isFloatingPoint {
        try floating(MatMulKernel.self)(&builder)
      } else {
        try numeric(PlainMatMulKernel.self)(&builder)
      }
    })

  /// Gemm: alpha·A'·B' + beta·C, C broadcast to [M, N] (ONNX Gemm-13).
  private static let gemm = Operator(
    "Gemm", inputs: 2...3, infer: { try inferGemm(&$0) },
    kernel: { builder in
      if try builder.input(0).elementType.isFloatingPoint {
        try floating(GemmKernel.self)(&builder)
      } else {
        try numeric(PlainGemmKernel.self)(&builder)
      }
    })

  /// The shape of NumPy's matmul of inputs `a` and `b`; nil where a rank is not known.
  static func matMulShape(_ inference: inout TypeInference, _ a: Int = 0, _ b: Int = 1) throws -> Shape? {
    guard let x = inference.shape(a), let y = inference.shape(b) else { return nil }
    guard !x.isEmpty, !y.isEmpty else { throw inference.mismatch("a scalar can't be multiplied as a matrix") }
    let inner = (x[x.count - 1], y[max(y.count - 2, 0)])
    if let k = inner.0.value, let other = inner.1.value, k != other {
      throw inference.mismatch("the inner extents \(k) and \(other) differ")
    }
    let batch = try inference.broadcast(Array(x.dropLast(2)), Array(y.dropLast(2))) ?? []
    return batch + (x.count > 1 ? [x[x.count - 2]] : []) + (y.count > 1 ? [y[y.count - 1]] : [])
  }

  private static func inferGemm(_ inference: inout TypeInference) throws {
    guard let a = inference.shape(0), let b = inference.shape(1) else {
      return inference.set(0, inference.elementType(0), [.unknown, .unknown])
    }
    guard a.count == 2, b.count == 2 else { throw inference.mismatch("A and B must be matrices") }
    let (transA, transB) = (
      try inference.node.flag("transA", default: false), try inference.node.flag("transB", default: false)
    )
    if let k = a[transA ? 0 : 1].value, let other = b[transB ? 1 : 0].value, k != other {
      throw inference.mismatch("the inner extents \(k) and \(other) differ")
    }
    let shape = [a[transA ? 1 : 0], b[transB ? 0 : 1]]
    try inference.requireBroadcast(2, to: shape)
    inference.set(0, inference.elementType(0), shape)
  }
}

extension ElementType {
  /// Whether the type is one of the four IEEE-like types that floating-point kernels serve.
  var isFloatingPoint: Bool { [.float16, .bfloat16, .float32, .float64].contains(self) }
}

/// NumPy's matmul as a list of equal matrix products: [m, k] x [k, n], at element offsets into the operands.
struct MatrixBatches: Sendable {
  let m, n, k: Int
  /// Where the operands of every product begin.
  let offsets: [(a: Int, b: Int)]

  init(_ a: [Int], _ b: [Int]) throws {
    guard let k = a.last, b.count > 0, b[max(b.count - 2, 0)] == k else {
      throw GraphError(.shapeMismatch, "matrices of shapes \(a) and \(b) can't be multiplied")
    }
    self.k = k
    n = b.count > 1 ? b[b.count - 1] : 1
    let batchA = Array(a.dropLast(2))
    let batchB = Array(b.dropLast(2))
    let rows = a.count > 1 ? a[a.count - 2] : 1
    if batchB.allSatisfy({ $0 == 1 }) {
      // One right operand: the batches are more rows of one product.
      m = batchA.reduce(rows, *)
      offsets = [(0, 0)]
      return
    }
    m = rows
    let batch = Self.broadcast(batchA, batchB)
    let stepsA = Self.offsets(batchA, in: batch, size: m * k)
    let stepsB = Self.offsets(batchB, in: batch, size: k * n)
    offsets = zip(stepsA, stepsB).map { ($0, $1) }
  }

  private static func broadcast(_ a: [Int], _ b: [Int]) -> [Int] {
    let rank = max(a.count, b.count)
    let (x, y) = (
      Array(repeating: 1, count: rank - a.count) + a, Array(repeating: 1, count: rank - b.count) + b
    )
    return zip(x, y).map { $0 == 1 ? $1 : $0 }
  }

  /// The offset of every matrix of `batch`, of those that `extents` hold, each of `size` elements.
  private static func offsets(_ extents: [Int], in batch: [Int], size: Int) -> [Int] {
    // Appending an axis of 1 makes every matrix a row.
    let rows = BroadcastRows(extents + [1], to: batch + [1])
    return (0..<rows.count).map { rows.offset($0) * size }
  }
}

struct MatMulKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (a, b, y) = (try builder.input(0), try builder.input(1), try builder.output())
    let batches = try MatrixBatches(a.shape, b.shape)
    let product = try BlockedProduct<Element>(m: batches.m, n: batches.n, k: batches.k)
    guard y.count > 0 else { return }
    if Element.self == Float.self, batches.offsets.count == 1 {
      let packed = PackedProduct(m: batches.m, n: batches.n, k: batches.k, isTransposed: false)
      if try packed.emit(&builder) { return }
    }
    product.prepare()
    builder.emit { memory in
      let x = memory.pointer(a.slot, as: Element.self)
      let w = memory.pointer(b.slot, as: Element.self)
      let target = memory.pointer(y.slot, as: Element.self)
      if batches.k == 0 { return target.update(repeating: 0, count: y.count) }
      memory.parallel(batches.offsets.count * product.blocks) { chunk, _ in
        let batch = chunk / product.blocks
        let offset = batches.offsets[batch]
        product.run(
          block: chunk % product.blocks, a: x + offset.a, b: w + offset.b,
          c: target + batch * batches.m * batches.n)
      }
    }
  }
}

/// MatMul of integers, which wrap round.
private struct PlainMatMulKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (a, b, y) = (try builder.input(0), try builder.input(1), try builder.output())
    let batches = try MatrixBatches(a.shape, b.shape)
    builder.emit { memory in
      let x = memory.pointer(a.slot, as: Element.self)
      let w = memory.pointer(b.slot, as: Element.self)
      let target = memory.pointer(y.slot, as: Element.self)
      memory.parallel(batches.offsets.count * batches.m) { chunk, _ in
        let (batch, row) = (chunk / batches.m, chunk % batches.m)
        let offset = batches.offsets[batch]
        plainRow(
          x + offset.a + row * batches.k, step: 1, w + offset.b, stepK: batches.n, stepN: 1, k: batches.k,
          n: batches.n, into: target + chunk * batches.n)
      }
    }
  }
}

/// One row of a product: Σ a[k]·b[k, n], from zero, wrapping where integers overflow.
private func plainRow<Element: NumericElement>(
  _ a: UnsafePointer<Element>, step: Int, _ b: UnsafePointer<Element>, stepK: Int, stepN: Int, k: Int, n: Int,
  into target: UnsafeMutablePointer<Element>
) {
  target.update(repeating: 0, count: n)
  for index in 0..<k {
    let value = a[index * step]
    for column in 0..<n {
      target[column] = target[column].plus(value.times(b[index * stepK + column * stepN]))
    }
  }
}

/// The operands of a Gemm.
private struct GemmOperands {
  let a, b, y: KernelBuilder.Operand
  let c: KernelBuilder.Operand?
  let transA, transB: Bool
  let alpha, beta: Float
  var m: Int { y.shape[0] }
  var n: Int { y.shape[1] }
  var k: Int { a.shape[transA ? 0 : 1] }

  init(_ builder: KernelBuilder) throws {
    (a, b, y) = (try builder.input(0), try builder.input(1), try builder.output())
    transA = try builder.node.flag("transA", default: false)
    transB = try builder.node.flag("transB", default: false)
    alpha = try builder.node.float("alpha", default: 1)
    beta = try builder.node.float("beta", default: 1)
    c = beta == 0 ? nil : builder.optionalInput(2)
  }
}

private struct GemmKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let gemm = try GemmOperands(builder)
    let product = try BlockedProduct<Element>(
      m: gemm.m, n: gemm.n, k: gemm.k, transposeA: gemm.transA, transposeB: gemm.transB)
    guard gemm.y.count > 0 else { return }
    if Element.self == Float.self, !gemm.transA, gemm.alpha == 1, gemm.c == nil || gemm.beta == 1 {
      let packed = PackedProduct(m: gemm.m, n: gemm.n, k: gemm.k, isTransposed: gemm.transB)
      if try packed.emit(&builder, bias: gemm.c == nil ? nil : 2) { return }
    }
    let rows = gemm.c.map { BroadcastRows($0.shape, to: gemm.y.shape) }
    product.prepare()
    builder.emit { memory in
      let y = memory.pointer(gemm.y.slot, as: Element.self)
      if let c = gemm.c, let rows {
        let source = memory.pointer(c.slot, as: Element.self)
        let beta = Element(gemm.beta)
        for row in 0..<gemm.m {
          let start = source + rows.offset(row)
          for column in 0..<gemm.n { y[row * gemm.n + column] = beta * start[column * rows.step] }
        }
      } else if gemm.k == 0 {
        y.update(repeating: 0, count: gemm.y.count)
      }
      if gemm.k == 0 { return }
      memory.parallel(product.blocks) { block, _ in
        product.run(
          block: block, a: memory.pointer(gemm.a.slot), b: memory.pointer(gemm.b.slot), c: y,
          alpha: Element(gemm.alpha), beta: gemm.c == nil ? 0 : 1)
      }
    }
  }
}

/// Gemm of integers: alpha and beta apply in `Double`, the product wraps round.
private struct PlainGemmKernel: NumericKernel {
  static func prepare<Element: NumericElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let gemm = try GemmOperands(builder)
    let rows = gemm.c.map { BroadcastRows($0.shape, to: gemm.y.shape) }
    builder.emit { memory in
      let (a, b) = (
        memory.pointer(gemm.a.slot, as: Element.self), memory.pointer(gemm.b.slot, as: Element.self)
      )
      let y = memory.pointer(gemm.y.slot, as: Element.self)
      let c = gemm.c.map { memory.pointer($0.slot, as: Element.self) }
      memory.parallel(gemm.m) { row, _ in
        let target = y + row * gemm.n
        plainRow(
          a + (gemm.transA ? row : row * gemm.k), step: gemm.transA ? gemm.m : 1, b,
          stepK: gemm.transB ? 1 : gemm.n, stepN: gemm.transB ? gemm.k : 1, k: gemm.k, n: gemm.n, into: target
        )
        for column in 0..<gemm.n {
          var value = scaled(target[column], gemm.alpha)
          if let c, let rows {
            value = value.plus(scaled(c[rows.offset(row) + column * rows.step], gemm.beta))
          }
          target[column] = value
        }
      }
    }
  }

  private static func scaled<Element: NumericElement>(_ value: Element, _ factor: Float) -> Element {
    factor == 1 ? value : Element(clamping: value.double * Double(factor))
  }
}
