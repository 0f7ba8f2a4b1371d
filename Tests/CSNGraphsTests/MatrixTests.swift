import Testing

@testable import CSNGraphs

@Suite("Linear algebra")
struct MatrixTests {
  @Test(
    "the singular value decomposition multiplies back, wide and tall",
    arguments: [(5, 9), (9, 5), (4, 4), (1, 3)])
  func decompositionMultipliesBack(rows: Int, columns: Int) throws {
    let matrix = Matrix(
      rows: rows, columns: columns, elements: MiniBackbone.numbers(rows * columns, seed: UInt64(rows)))
    let factors = try SingularValueDecomposition(matrix)
    let rank = min(rows, columns)
    var scaled = factors.vTransposed
    for row in 0..<rank { for column in 0..<columns { scaled[row, column] *= factors.singularValues[row] } }
    let product = factors.u * scaled
    #expect(zip(product.elements, matrix.elements).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(zip(factors.singularValues, factors.singularValues.dropFirst()).allSatisfy { $0 >= $1 })
    let gram = factors.vTransposed * factors.vTransposed.transposed
    #expect(zip(gram.elements, Matrix.identity(rank).elements).allSatisfy { abs($0 - $1) < 1e-12 })
    for row in 0..<rank { #expect((factors.vTransposed.row(row).max { abs($0) < abs($1) } ?? 0) > 0) }
  }

  @Test("what is not finite or empty is refused")
  func refusesDegenerateMatrices() {
    #expect(throws: CSNError.self) { try SingularValueDecomposition(Matrix(rows: 0, columns: 3)) }
    #expect(throws: CSNError.self) {
      try SingularValueDecomposition(Matrix(rows: 1, columns: 2, elements: [1, .nan]))
    }
  }

  @Test("Cholesky solves, and refuses what is not positive definite")
  func choleskySolves() throws {
    let matrix = Matrix(rows: 3, columns: 3, elements: [4, 2, 1, 2, 5, 3, 1, 3, 6])
    let solution = try #require(matrix.solvedByCholesky([9, 21, 25]))
    let back = (0..<3).map { row in zip(matrix.row(row), solution).reduce(0) { $0 + $1.0 * $1.1 } }
    #expect(zip(back, [9, 21, 25]).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(Matrix(rows: 2, columns: 2, elements: [1, 2, 2, 1]).solvedByCholesky([1, 1]) == nil)
  }
}
