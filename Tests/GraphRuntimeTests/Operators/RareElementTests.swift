import Testing

@testable import GraphRuntime

/// The integer types whose kernels are not specialised give what the arithmetic of their width gives.
@Suite struct RareElementTests {
  private func check<Element: NumericElement & FixedWidthInteger>(_: Element.Type) throws {
    let (least, most): (Element, Element) = (.min, .max)
    func run(_ op: OperatorName, _ inputs: [Tensor]) throws -> [Element] {
      try SingleNode(op: op, threads: 2).run(inputs)[0].elements()
    }
    let ends = Tensor([least, most, 7], shape: [3])
    let ones = Tensor([Element](repeating: 1, count: 3), shape: [3])
    #expect(try run("Add", [ends, ones]) == [least + 1, least, 8])
    #expect(try run("Sub", [ends, ones]) == [most, most - 1, 6])
    #expect(try run("Mul", [ends, ends]) == [least &* least, 1, 49])
    #expect(try run("Div", [ends, Tensor([Element(2)], shape: [1])]) == [least / 2, most / 2, 3])
    #expect(try run("Max", [ends, ones]) == [Swift.max(least, 1), most, 7])
    #expect(try run("ReduceSum", [ends]) == [least &+ most &+ 7])
    #expect(try run("ReduceMax", [ends]) == [most])
    #expect(try run("BitwiseXor", [ends, ones]) == [least ^ 1, most ^ 1, 6])
    // What nothing is reduced to.
    let nothing = Tensor([Element](), shape: [0])
    #expect(try run("ReduceMax", [nothing]) == [least])
    #expect(try run("ReduceMin", [nothing]) == [most])
    let less: [Bool] = try SingleNode(op: "Less").run([ones, ends])[0].elements()
    #expect(less == [least > 1, true, true])
    // Rows broadcast both ways, more than one thread's stretch.
    let (rows, columns) = ((0..<300).map { Element($0) }, (0..<400).map { Element($0 % 100) })
    let sums = try run("Add", [Tensor(rows, shape: [300, 1]), Tensor(columns, shape: [400])])
    #expect(sums.indices.allSatisfy { sums[$0] == rows[$0 / 400] + columns[$0 % 400] })
  }

  @Test func int16() throws { try check(Int16.self) }
  @Test func uint16() throws { try check(UInt16.self) }
  @Test func uint32() throws { try check(UInt32.self) }
  @Test func uint64() throws { try check(UInt64.self) }
}
