import COpenBLAS
import RealModule

/// An element type that floating-point kernels compute in; narrower types are widened to `Float` (`FloatingKernel`).
protocol FloatingElement: NumericElement, Real, BinaryFloatingPoint, SIMDScalar, Codable {
  /// C = alpha·op(A)·op(B) + beta·C, row-major (BLAS xGEMM).
  static func gemm(_ call: GEMMCall<Self>)
}

/// The arguments of one matrix product: op(A) is m x k, op(B) is k x n, C is m x n; leading dimensions in elements.
struct GEMMCall<Element> {
  var m, n, k: Int
  var a: UnsafePointer<Element>
  var lda: Int
  var transposeA = false
  var b: UnsafePointer<Element>
  var ldb: Int
  var transposeB = false
  var c: UnsafeMutablePointer<Element>
  var ldc: Int
  var alpha: Element
  var beta: Element
}

/// OpenBLAS, on the calling thread only: parallelism is our pool's.
enum OpenBLAS {
  /// Its functions, loaded when first asked for; nil where it is not installed.
  nonisolated(unsafe) static let functions = csn_openblas_load()
}

extension Float: FloatingElement {
  static func gemm(_ call: GEMMCall<Float>) {
    guard let blas = OpenBLAS.functions else { return call.computePlainly() }
    if call.m == 1, !call.transposeA {
      // A row times a matrix: xGEMV does without packing.
      let (rows, columns) = call.transposeB ? (call.n, call.k) : (call.k, call.n)
      blas.pointee.sgemv(
        CblasRowMajor, call.transposeB ? CblasNoTrans : CblasTrans, Int32(rows), Int32(columns), call.alpha,
        call.b,
        Int32(call.ldb), call.a, 1, call.beta, call.c, 1)
      return
    }
    blas.pointee.sgemm(
      CblasRowMajor, call.transposeA ? CblasTrans : CblasNoTrans, call.transposeB ? CblasTrans : CblasNoTrans,
      Int32(call.m), Int32(call.n), Int32(call.k), call.alpha, call.a, Int32(call.lda), call.b,
      Int32(call.ldb),
      call.beta, call.c, Int32(call.ldc))
  }
}

extension Double: FloatingElement {
  static func gemm(_ call: GEMMCall<Double>) {
    guard let blas = OpenBLAS.functions else { return call.computePlainly() }
    blas.pointee.dgemm(
      CblasRowMajor, call.transposeA ? CblasTrans : CblasNoTrans, call.transposeB ? CblasTrans : CblasNoTrans,
      Int32(call.m), Int32(call.n), Int32(call.k), call.alpha, call.a, Int32(call.lda), call.b,
      Int32(call.ldb),
      call.beta, call.c, Int32(call.ldc))
  }
}

extension GEMMCall where Element: FloatingElement {
  /// The product without BLAS: slower, for a machine that has none.
  func computePlainly() {
    let (stepM, stepK) = transposeA ? (1, lda) : (lda, 1)
    let (stepB, stepN) = transposeB ? (1, ldb) : (ldb, 1)
    for row in 0..<m {
      let target = c + row * ldc
      // As in BLAS, what C holds means nothing where beta is zero: it may be no number.
      for column in 0..<n { target[column] = beta == 0 ? 0 : beta * target[column] }
      for index in 0..<k {
        let factor = alpha * a[row * stepM + index * stepK]
        for column in 0..<n { target[column] += factor * b[index * stepB + column * stepN] }
      }
    }
  }
}

/// A matrix product cut into blocks for the pool. The cut depends on the extents alone, so that the result is the
/// same for every number of threads.
struct BlockedProduct<Element: FloatingElement>: Sendable {
  let m, n, k: Int
  let transposeA, transposeB: Bool
  let lda, ldb: Int
  private let blockM, blockN: Int

  /// The product of op(A) [m, k] and op(B) [k, n], both dense.
  /// - Throws: `GraphError` where an extent is beyond what BLAS counts in.
  init(m: Int, n: Int, k: Int, transposeA: Bool = false, transposeB: Bool = false) throws {
    guard max(m, n, k) <= Int(Int32.max) else {
      throw GraphError(.limitExceeded, "a matrix product of extents \(m), \(n), \(k) is too large")
    }
    self.m = m
    self.n = n
    self.k = k
    self.transposeA = transposeA
    self.transposeB = transposeB
    lda = max(transposeA ? m : k, 1)
    ldb = max(transposeB ? k : n, 1)
    blockM = m > 192 ? 192 : max(m, 1)
    // At least half a million multiply-adds a block, so that handing it out costs nothing beside it.
    blockN = max(128, (1 << 19) / max(1, blockM * k) / 16 * 16)
  }

  /// Loads the library now, while the plan is made, so that no run waits for it.
  func prepare() { _ = OpenBLAS.functions }

  var blocks: Int { ceilDivide(m, blockM) * ceilDivide(n, blockN) }

  /// Computes block `block` of C = alpha·op(A)·op(B) + beta·C.
  func run(
    block: Int, a: UnsafePointer<Element>, b: UnsafePointer<Element>, c: UnsafeMutablePointer<Element>,
    alpha: Element = 1, beta: Element = 0
  ) {
    let columns = ceilDivide(n, blockN)
    let row = block / columns * blockM
    let column = block % columns * blockN
    Element.gemm(
      GEMMCall(
        m: min(blockM, m - row), n: min(blockN, n - column), k: k, a: a + (transposeA ? row : row * lda),
        lda: lda,
        transposeA: transposeA, b: b + (transposeB ? column * ldb : column), ldb: ldb, transposeB: transposeB,
        c: c + row * n + column, ldc: max(n, 1), alpha: alpha, beta: beta))
  }
}

/// The quotient of a non-negative and a positive number, rounded up.
func ceilDivide(_ a: Int, _ b: Int) -> Int { (a + b - 1) / b }
