import COpenBLAS

/// A dense matrix in double precision, row-major.
struct Matrix: Sendable, Equatable {
  let rows: Int
  let columns: Int
  var elements: [Double]

  init(rows: Int, columns: Int) {
    self.init(rows: rows, columns: columns, elements: [Double](repeating: 0, count: rows * columns))
  }

  init(rows: Int, columns: Int, elements: [Double]) {
    precondition(elements.count == rows * columns, "element count does not match the extents")
    self.rows = rows
    self.columns = columns
    self.elements = elements
  }

  static func identity(_ size: Int) -> Matrix {
    var matrix = Matrix(rows: size, columns: size)
    for index in 0..<size { matrix[index, index] = 1 }
    return matrix
  }

  subscript(row: Int, column: Int) -> Double {
    get { elements[row * columns + column] }
    set { elements[row * columns + column] = newValue }
  }

  func row(_ index: Int) -> ArraySlice<Double> { elements[(index * columns)..<((index + 1) * columns)] }

  var transposed: Matrix {
    var result = Matrix(rows: columns, columns: rows)
    for row in 0..<rows { for column in 0..<columns { result[column, row] = self[row, column] } }
    return result
  }

  static func * (a: Matrix, b: Matrix) -> Matrix {
    precondition(a.columns == b.rows, "extents don't match")
    var result = Matrix(rows: a.rows, columns: b.columns)
    for row in 0..<a.rows {
      for inner in 0..<a.columns {
        let factor = a[row, inner]
        if factor == 0 { continue }
        for column in 0..<b.columns { result[row, column] += factor * b[inner, column] }
      }
    }
    return result
  }
}

extension Matrix {
  /// The solution x of A x = b for a symmetric positive definite A; nil where A is not.
  func solvedByCholesky(_ right: [Double]) -> [Double]? {
    precondition(rows == columns && right.count == rows, "extents don't match")
    var factor = self
    for column in 0..<columns {
      for row in column..<rows {
        var sum = factor[row, column]
        for inner in 0..<column { sum -= factor[row, inner] * factor[column, inner] }
        if row == column {
          guard sum > 0, sum.isFinite else { return nil }
          factor[row, row] = sum.squareRoot()
        } else {
          factor[row, column] = sum / factor[column, column]
        }
      }
    }
    var solution = right
    for row in 0..<rows {
      for inner in 0..<row { solution[row] -= factor[row, inner] * solution[inner] }
      solution[row] /= factor[row, row]
    }
    for row in (0..<rows).reversed() {
      for inner in (row + 1)..<max(rows, row + 1) { solution[row] -= factor[inner, row] * solution[inner] }
      solution[row] /= factor[row, row]
    }
    return solution
  }
}

/// A = U diag(S) Vᵀ, singular values in falling order.
struct SingularValueDecomposition {
  /// [rows, min(rows, columns)], columns orthonormal.
  let u: Matrix
  let singularValues: [Double]
  /// [min(rows, columns), columns], rows orthonormal.
  let vTransposed: Matrix

  /// Factors a matrix with LAPACK's dgesdd, on one thread so that the result is always the same; signs are fixed by
  /// making each right vector's largest element positive.
  /// - Throws: `CSNError` when the matrix is empty, not finite, the iteration fails, or OpenBLAS is missing.
  init(_ matrix: Matrix) throws(CSNError) {
    let rank = min(matrix.rows, matrix.columns)
    guard rank > 0, matrix.elements.allSatisfy(\.isFinite), let m = Int32(exactly: matrix.columns),
      let n = Int32(exactly: matrix.rows)
    else { throw CSNError(.degenerate, "a \(matrix.rows)x\(matrix.columns) matrix can't be factored") }
    // Row-major A is column-major Aᵀ = V diag(S) Uᵀ: LAPACK's U is our V.
    var a = matrix.elements
    var s = [Double](repeating: 0, count: rank)
    var left = [Double](repeating: 0, count: matrix.columns * rank)
    var right = [Double](repeating: 0, count: rank * matrix.rows)
    // Arrays of one element: how Swift passes Fortran's scalars by address, more than once in a call.
    let (rows, columns, smaller, job) = ([n], [m], [Int32(rank)], [CChar(UInt8(ascii: "S"))])
    var integers = [Int32](repeating: 0, count: 8 * rank)
    var info: Int32 = 0
    guard let blas = csn_openblas_load() else {
      throw CSNError(
        .missingLibrary, "factoring weights needs OpenBLAS, which is not installed (libopenblas.so.0)")
    }
    func call(_ work: inout [Double], _ size: Int32) {
      blas.pointee.dgesdd(
        job, columns, rows, &a, columns, &s, &left, columns, &right, smaller, &work, [size], &integers, &info)
    }
    var work: [Double] = [0]
    call(&work, -1)
    guard info == 0, work[0].isFinite, let size = Int32(exactly: work[0].rounded(.up)) else {
      throw CSNError(.degenerate, "a \(matrix.rows)x\(matrix.columns) matrix is too large to factor")
    }
    work = [Double](repeating: 0, count: max(1, Int(size)))
    call(&work, size)
    guard info == 0 else { throw CSNError(.degenerate, "the singular value decomposition did not converge") }
    // Column-major left [columns, rank] is row-major Vᵀ [rank, columns]; right [rank, rows] is row-major U [rows, rank].
    var v = Matrix(rows: rank, columns: matrix.columns, elements: left)
    var u = Matrix(rows: matrix.rows, columns: rank, elements: right)
    for index in 0..<rank {
      let largest = v.row(index).max { abs($0) < abs($1) } ?? 0
      guard largest < 0 else { continue }
      for column in 0..<v.columns { v[index, column].negate() }
      for row in 0..<u.rows { u[row, index].negate() }
    }
    self.u = u
    singularValues = s
    vTransposed = v
  }
}
