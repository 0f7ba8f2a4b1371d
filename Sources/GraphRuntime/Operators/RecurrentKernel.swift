/// The kernel of the recurrent layers: the products with W for all steps at once, then step by step.
enum RecurrentKernel<Cell: RecurrentCell>: FloatingKernel {
  static func prepare<Element: FloatingElement>(_ builder: inout KernelBuilder, as: Element.Type) throws {
    let settings = try RecurrentSettings(builder, gates: Cell.gates, defaultActivations: Cell.activations)
    let run = try RecurrentRun<Cell, Element>(&builder, settings)
    builder.emit { run($0) }
  }
}

private struct RecurrentRun<Cell: RecurrentCell, Element: FloatingElement>: Sendable {
  typealias Operand = KernelBuilder.Operand

  let settings: RecurrentSettings
  let x, w, r: Operand
  let bias, lengths, initialState, initialCell, peepholes: Operand?
  let outputs: [Operand?]
  let label: String
  // Scratch: products for all steps, for one step; h and c of one direction; one row.
  let inputProducts, stateProducts, state, cell, row: Int

  init(_ builder: inout KernelBuilder, _ settings: RecurrentSettings) throws {
    self.settings = settings
    (x, w, r) = (try builder.input(0), try builder.input(1), try builder.input(2))
    bias = builder.optionalInput(3)
    lengths = try builder.optionalInput(4).map { _ in try builder.indices(4) }
    initialState = builder.optionalInput(5)
    initialCell = builder.optionalInput(6)
    peepholes = builder.optionalInput(7)
    outputs = (0..<3).map { [builder] in builder.optionalOutput($0) }
    label = builder.node.label
    let (hidden, batch, directions) = (settings.hidden, settings.batch, settings.directions)
    let stateShape = settings.batchFirst ? [batch, directions, hidden] : [directions, batch, hidden]
    for (operand, expected) in [
      (bias, [directions, 2 * Cell.gates * hidden]), (lengths, [batch]), (initialState, stateShape),
      (initialCell, stateShape), (peepholes, [directions, 3 * hidden]),
    ] {
      if let operand, operand.shape != expected {
        throw GraphError(.shapeMismatch, "an input of shape \(operand.shape) should be \(expected)")
      }
    }
    func scratch(_ count: Int) -> Int { builder.addScratch(byteCount: count * MemoryLayout<Element>.stride) }
    inputProducts = scratch(settings.steps * batch * Cell.gates * hidden)
    stateProducts = scratch(batch * Cell.gates * hidden)
    state = scratch(batch * hidden)
    cell = scratch(batch * hidden)
    row = scratch(hidden)
  }

  func callAsFunction(_ memory: StepMemory) {
    if let lengths, !areValid(memory.input(lengths), memory) { return }
    if let output = outputs[0] {
      memory.output(output, as: Element.self).update(repeating: 0, count: output.count)
    }
    for direction in 0..<settings.directions { run(direction, memory) }
  }

  private func areValid(_ lengths: UnsafePointer<Int64>, _ memory: StepMemory) -> Bool {
    for batch in 0..<settings.batch where !(0...Int64(settings.steps)).contains(lengths[batch]) {
      memory.fail(label, "sequence length \(lengths[batch]) is out of range 0...\(settings.steps)")
      return false
    }
    return true
  }

  private func run(_ direction: Int, _ memory: StepMemory) {
    let (hidden, batch, width) = (settings.hidden, settings.batch, Cell.gates * settings.hidden)
    multiplyInputs(direction, memory)
    let (state, cell) = (memory.pointer(state, as: Element.self), memory.pointer(cell, as: Element.self))
    for index in 0..<batch {
      let place = statePlace(direction, index)
      load(initialState, place, to: state + index * hidden, memory)
      load(initialCell, place, to: cell + index * hidden, memory)
    }
    let recurrent = memory.input(r, as: Element.self) + direction * width * hidden
    let recurrentBias = bias.map { memory.input($0, as: Element.self) + (2 * direction + 1) * width }
    let lengths = lengths.map { memory.input($0, as: Int64.self) }
    let products = memory.pointer(stateProducts, as: Element.self)
    for step in 0..<settings.steps {
      fill(products, rows: batch, width: width, with: recurrentBias)
      Element.gemm(
        GEMMCall(
          m: batch, n: width, k: hidden, a: state, lda: max(hidden, 1), b: recurrent, ldb: max(hidden, 1),
          transposeB: true, c: products, ldc: max(width, 1), alpha: 1, beta: 1))
      for index in 0..<batch {
        let length = lengths.map { Int($0[index]) } ?? settings.steps
        guard step < length else { continue }
        let time = settings.backwards[direction] ? length - 1 - step : step
        Cell.step(
          RecurrentStep(
            settings: settings, activations: settings.activations[direction],
            fromInput: memory.pointer(inputProducts, as: Element.self) + inputPlace(time, index) * width,
            fromState: products + index * width, state: state + index * hidden, cell: cell + index * hidden,
            peepholes: peepholes.map { memory.input($0, as: Element.self) + direction * 3 * hidden },
            candidateWeights: recurrent + (width - hidden) * hidden,
            candidateBias: recurrentBias.map { $0 + width - hidden }, scratch: memory.pointer(row)))
        if let output = outputs[0] {
          (memory.output(output, as: Element.self) + outputPlace(time, direction, index) * hidden)
            .update(from: state + index * hidden, count: hidden)
        }
      }
    }
    for index in 0..<batch {
      let place = statePlace(direction, index) * hidden
      if let output = outputs[1] {
        (memory.output(output) + place).update(from: state + index * hidden, count: hidden)
      }
      if let output = outputs[2] {
        (memory.output(output) + place).update(from: cell + index * hidden, count: hidden)
      }
    }
  }

  /// x·W + Wb for all steps and batch elements, in the input's order.
  private func multiplyInputs(_ direction: Int, _ memory: StepMemory) {
    let (rows, width) = (settings.steps * settings.batch, Cell.gates * settings.hidden)
    let products = memory.pointer(inputProducts, as: Element.self)
    fill(
      products, rows: rows, width: width,
      with: bias.map { memory.input($0, as: Element.self) + 2 * direction * width })
    Element.gemm(
      GEMMCall(
        m: rows, n: width, k: settings.input, a: memory.input(x), lda: max(settings.input, 1),
        b: memory.input(w) + direction * width * settings.input, ldb: max(settings.input, 1),
        transposeB: true,
        c: products, ldc: max(width, 1), alpha: 1, beta: 1))
  }

  private func fill(
    _ target: UnsafeMutablePointer<Element>, rows: Int, width: Int, with bias: UnsafePointer<Element>?
  ) {
    guard let bias else { return target.update(repeating: 0, count: rows * width) }
    for row in 0..<rows { (target + row * width).update(from: bias, count: width) }
  }

  private func load(
    _ operand: Operand?, _ place: Int, to target: UnsafeMutablePointer<Element>, _ memory: StepMemory
  ) {
    guard let operand else { return target.update(repeating: 0, count: settings.hidden) }
    target.update(from: memory.input(operand) + place * settings.hidden, count: settings.hidden)
  }

  private func inputPlace(_ step: Int, _ batch: Int) -> Int {
    settings.batchFirst ? batch * settings.steps + step : step * settings.batch + batch
  }

  private func statePlace(_ direction: Int, _ batch: Int) -> Int {
    settings.batchFirst ? batch * settings.directions + direction : direction * settings.batch + batch
  }

  private func outputPlace(_ step: Int, _ direction: Int, _ batch: Int) -> Int {
    settings.batchFirst
      ? (batch * settings.steps + step) * settings.directions + direction
      : (step * settings.directions + direction) * settings.batch + batch
  }
}
