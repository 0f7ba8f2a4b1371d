/// Det-22: the determinants of a stack of square matrices, by Gaussian elimination with pivoting.
enum Determinant {
  static let operators: [Operator] = [
    Operator(
      "Det", inputs: 1...1,
      infer: { inference in
        guard let shape = inference.shape(0) else { return inference.set(0, inference.elementType(0), nil) }
        guard shape.count >= 2 else { throw inference.mismatch("the input must have 2 axes or more") }
        if let rows = shape[shape.count - 2].value, let columns = shape[shape.count - 1].value,
          rows != columns
        {
          throw inference.mismatch("matrices of \(rows) rows and \(columns) columns have no determinant")
        }
        inference.set(0, inference.elementType(0), Array(shape.dropLast(2)))
      }, kernel: floating(DeterminantKernel.self))
  ]
}

private enum DeterminantKernel: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let (source, target) = (try builder.input(0), try builder.output())
    let n = source.shape[source.shape.count - 1]
    let scratch = builder.addScratch(byteCount: n * n * MemoryLayout<Element>.stride)
    builder.emit { memory in
      let matrix = memory.pointer(scratch, as: Element.self)
      for index in 0..<target.count {
        matrix.update(from: memory.input(source, as: Element.self) + index * n * n, count: n * n)
        memory.output(target, as: Element.self)[index] = determinant(matrix, n)
      }
    }
  }

  private static func determinant<Element: FloatingElement>(
    _ matrix: UnsafeMutablePointer<Element>, _ n: Int
  ) -> Element {
    var result: Element = 1
    for column in 0..<n {
      var pivot = column
      for row in column..<n where matrix[row * n + column].magnitude > matrix[pivot * n + column].magnitude {
        pivot = row
      }
      if matrix[pivot * n + column] == 0 { return 0 }
      if pivot != column {
        result = -result
        for place in column..<n { swap(&matrix[pivot * n + place], &matrix[column * n + place]) }
      }
      result *= matrix[column * n + column]
      for row in column + 1..<max(n, column + 1) {
        let factor = matrix[row * n + column] / matrix[column * n + column]
        for place in column..<n { matrix[row * n + place] -= factor * matrix[column * n + place] }
      }
    }
    return result
  }
}
