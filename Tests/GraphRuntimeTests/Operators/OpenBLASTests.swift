import COpenBLAS
import Testing

@testable import GraphRuntime

@Suite struct OpenBLASTests {
  /// It starts a thread for each processor it knows of but one, and they would spin beside our own.
  @Test func startsNoThreads() throws {
    let blas = try #require(OpenBLAS.functions)
    #expect(blas.pointee.get_num_procs() == 1)
  }

  /// A machine without BLAS gets the same products, transposed and cut out of larger matrices.
  @Test(arguments: [false, true], [false, true])
  func plainProductsAreTheSame(transposeA: Bool, transposeB: Bool) throws {
    try #require(OpenBLAS.functions != nil)
    for m in [1, 3] {
      try compare(Float.self, m: m, transposeA, transposeB)
      try compare(Double.self, m: m, transposeA, transposeB)
    }
  }

  private func compare<Element: FloatingElement>(
    _: Element.Type, m: Int, _ transposeA: Bool, _ transposeB: Bool
  ) throws {
    let (n, k, stride) = (4, 5, 7)
    // Small whole numbers: no order of adding them rounds.
    let a = (0..<5 * stride).map { Element($0 % 11) - 5 }
    let b = (0..<5 * stride).map { Element($0 % 13) - 6 }
    for beta in [0, 2] as [Element] {
      // What C holds means nothing where beta is zero.
      let start = [Element](repeating: beta == 0 ? .nan : 3, count: m * stride)
      func product(_ compute: (GEMMCall<Element>) -> Void) -> [Element] {
        var c = start
        a.withUnsafeBufferPointer { a in
          b.withUnsafeBufferPointer { b in
            c.withUnsafeMutableBufferPointer { c in
              compute(
                GEMMCall(
                  m: m, n: n, k: k, a: a.baseAddress!, lda: stride, transposeA: transposeA, b: b.baseAddress!,
                  ldb: stride, transposeB: transposeB, c: c.baseAddress!, ldc: stride, alpha: 2, beta: beta))
            }
          }
        }
        return c
      }
      let (plain, fast) = (product { $0.computePlainly() }, product(Element.gemm))
      for row in 0..<m {
        let columns = row * stride..<row * stride + n
        #expect(plain[columns] == fast[columns])
      }
    }
  }
}
