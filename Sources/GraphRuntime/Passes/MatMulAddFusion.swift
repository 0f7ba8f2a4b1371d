/// Turns a matrix product and the bias added to it into one Gemm.
struct MatMulAddFusion: Pass {
  let name = "matmul-add-fusion"

  func patch(for graph: Graph) throws -> GraphPatch {
    let index = GraphIndex(graph)
    var patch = GraphPatch(for: graph)
    for product in graph.nodes where product.op == "MatMul" {
      guard let output = product.output(0), let sum = index.soleConsumer(of: output), sum.op == "Add",
        let bias = sum.inputs.first(where: { $0 != output }) ?? nil, let result = sum.output(0),
        product.inputs.allSatisfy({ index.tensorType($0)?.shape?.count == 2 }),
        index.tensorType(output)?.elementType == .float32,
        let columns = index.tensorType(output)?.shape?[1].value,
        let type = index.tensorType(bias), index.constant(bias) != nil, let shape = type.concreteShape,
        shape == [columns] || shape == [1, columns]
      else { continue }
      patch.addNode(
        "Gemm", name: product.name, inputs: product.inputs + [bias], outputs: [result])
      patch.remove(product.id)
      patch.remove(sum.id)
      patch.countChange()
    }
    return patch
  }
}
