import CKernels

/// The copy of a tensor in another layout; its output's type says which. Made by layout assignment alone.
enum Relayout {
  static let name = OperatorName("Relayout", domain: OperatorName.internalDomain)

  static let operators: [Operator] = [
    Operator(name, inputs: 1...1, infer: { $0.same() }, kernel: implementation.kernel)
  ]

  static let implementation = BlockedImplementation(
    form: { _ in nil },
    kernel: { builder in
      let (x, y) = (try builder.input(0), try builder.output())
      let arguments = Arguments(from: x.tensor, to: y.tensor, x: x.slot, y: y.slot)
      builder.emit(
        { arguments, slots, pool in
          let arguments = arguments!.assumingMemoryBound(to: Arguments.self)
          var (from, to) = (arguments.pointee.from, arguments.pointee.to)
          csn_reorder(
            &from, slots![arguments.pointee.x]!.assumingMemoryBound(to: Float.self), &to,
            slots![arguments.pointee.y]!.assumingMemoryBound(to: Float.self), pool)
        }, arguments)
    })

  private struct Arguments: BitwiseCopyable {
    let from, to: csn_tensor
    let x, y: Int
  }
}
