import CKernels

/// Pooling on blocked tensors.
enum BlockedPooling {
  /// MaxPool or AveragePool over 2-d windows.
  static func windows(_ kind: csn_pooling_kind) -> BlockedImplementation {
    BlockedImplementation(
      form: { query in
        guard query.isImage(query.input(0)), query.isImage(query.outputs.first ?? nil),
          query.outputs.dropFirst().allSatisfy({ $0 == nil }),
          var pooling = try pooling(kind, query.node, input: query.shape(0)!, output: query.outputShape!)
        else { return nil }
        var (input, output) = (csn_tensor(images: query.shape(0)!), csn_tensor(images: query.outputShape!))
        return csn_pooling_check(&pooling, &input, &output) == CSN_OK
          ? BlockedForm(inputs: [0], pairing: .whole) : nil
      },
      kernel: { builder in
        let (x, y) = (try builder.input(0), try builder.output())
        guard let pooling = try pooling(kind, builder.node, input: x.shape, output: y.shape) else {
          throw GraphError(.invalidAttribute, "the window's extents are too large")
        }
        let (input, output) = (x.tensor, y.tensor)
        builder.emit { memory in
          var (pooling, input, output) = (pooling, input, output)
          csn_pooling_run(
            &pooling, &input, memory.pointer(x.slot), &output, memory.pointer(y.slot), memory.pool)
        }
      })
  }

  typealias GlobalKernel =
    @Sendable @convention(c) (
      UnsafePointer<csn_tensor>?, UnsafePointer<Float>?, UnsafeMutablePointer<Float>?, Int, OpaquePointer?
    ) -> Void

  /// Pooling over whole planes; the result [N, C, 1, 1] is row-major.
  static func global(_ kernel: @escaping GlobalKernel) -> BlockedImplementation {
    BlockedImplementation(
      form: { $0.isImage($0.input(0)) ? BlockedForm(inputs: [0], outputs: [], pairing: .whole) : nil },
      kernel: { builder in
        let (x, y) = (try builder.input(0), try builder.output())
        let input = x.tensor
        let channels = y.shape[1]
        builder.emit { memory in
          var input = input
          kernel(&input, memory.pointer(x.slot), memory.pointer(y.slot), channels, memory.pool)
        }
      })
  }

  private static func pooling(_ kind: csn_pooling_kind, _ node: Node, input: [Int], output: [Int]) throws
    -> csn_pooling?
  {
    guard let kernel = try node.ints("kernel_shape"), kernel.count == 2 else { return nil }
    let attributes = try WindowAttributes(node, kernel: kernel)
    let (inPlane, outPlane) = (Array(input.dropFirst(2)), Array(output.dropFirst(2)))
    let before = attributes.padsBefore(input: inPlane, output: outPlane)
    let after = attributes.padsAfter(input: inPlane, output: outPlane)
    let all = before + after + kernel + attributes.strides + attributes.dilations
    guard all.allSatisfy({ $0 >= 0 && $0 < 1 << 20 }) else { return nil }
    return csn_pooling(
      kind: kind, kernel_h: Int32(kernel[0]), kernel_w: Int32(kernel[1]),
      stride_h: Int32(attributes.strides[0]), stride_w: Int32(attributes.strides[1]),
      dilation_h: Int32(attributes.dilations[0]), dilation_w: Int32(attributes.dilations[1]),
      pad_top: Int32(before[0]), pad_left: Int32(before[1]), pad_bottom: Int32(after[0]),
      pad_right: Int32(after[1]),
      count_padding: try node.flag("count_include_pad", default: false))
  }
}
