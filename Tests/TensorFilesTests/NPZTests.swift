import Foundation
import GraphRuntime
import ONNXParse
import TestSupport
import Testing

@testable import TensorFiles

@Suite struct NPZTests {
  private static let tensors: NamedTensors = [
    "f4": Tensor([1.5, -2, .infinity, 0, 3, 4] as [Float], shape: [2, 3]),
    "f8": Tensor([Double.pi, -0.0], shape: [2]),
    "f2": Tensor([1, 0.5, -65504] as [Float16], shape: [3, 1]),
    "i1": Tensor([-128, 127] as [Int8], shape: [2]), "i2": Tensor([Int16.min, 7], shape: [2]),
    "i4": Tensor([Int32.min, 7], shape: [1, 2, 1]), "i8": Tensor([Int64.min, .max], shape: [2]),
    "u1": Tensor([0, 255] as [UInt8], shape: [2]), "u2": Tensor([0, 65535] as [UInt16], shape: [2]),
    "u4": Tensor([UInt32.max], shape: [1]), "u8": Tensor([UInt64.max], shape: [1]),
    "b": Tensor([true, false, true], shape: [3]), "scalar": Tensor(scalar: Float(42)),
    "empty": Tensor([Float](), shape: [0, 4]), "with/slash and ü": Tensor(scalar: Int64(-1)),
  ]

  @Test func comesBackAsWritten() throws {
    let folder = try TemporaryFolder()
    try NPZ.write(Self.tensors, to: folder.path("a.npz"))
    expectEqual(try NPZ.read(from: folder.path("a.npz")), Self.tensors)
    #expect(folder.content == ["a.npz"])
  }

  @Test func storedArraysAreUsedInPlace() throws {
    let folder = try TemporaryFolder()
    try NPZ.write(Self.tensors, to: folder.path("a.npz"))
    for (name, tensor) in try NPZ.read(from: folder.path("a.npz")) {
      #expect(tensor.bytes?.isAligned(to: 64) == true, "\(name)")
    }
  }

  @Test func emptyArchives() throws {
    let folder = try TemporaryFolder()
    try NPZ.write(NamedTensors(), to: folder.path("a.npz"))
    #expect(try NPZ.read(from: folder.path("a.npz")).isEmpty)
  }

  @Test(.needsPython) func numpyReadsWhatIsWritten() throws {
    let folder = try TemporaryFolder()
    try NPZ.write(Self.tensors, to: folder.path("a.npz"))
    try NPY.write(Self.tensors["f4"]!, to: folder.path("a.npy"))
    let output = try Python.run(
      """
      import sys, zipfile, numpy as np
      assert zipfile.ZipFile(sys.argv[1]).testzip() is None
      for name, a in np.load(sys.argv[1]).items():
          print(name, a.dtype.str, a.shape, a.ravel().tolist())
      print(np.load(sys.argv[2]).tolist())
      """, arguments: [folder.path("a.npz"), folder.path("a.npy")])
    #expect(
      output == """
        f4 <f4 (2, 3) [1.5, -2.0, inf, 0.0, 3.0, 4.0]
        f8 <f8 (2,) [3.141592653589793, -0.0]
        f2 <f2 (3, 1) [1.0, 0.5, -65504.0]
        i1 |i1 (2,) [-128, 127]
        i2 <i2 (2,) [-32768, 7]
        i4 <i4 (1, 2, 1) [-2147483648, 7]
        i8 <i8 (2,) [-9223372036854775808, 9223372036854775807]
        u1 |u1 (2,) [0, 255]
        u2 <u2 (2,) [0, 65535]
        u4 <u4 (1,) [4294967295]
        u8 <u8 (1,) [18446744073709551615]
        b |b1 (3,) [True, False, True]
        scalar <f4 () [42.0]
        empty <f4 (0, 4) []
        with/slash and ü <i8 () [-1]
        [[1.5, -2.0, inf], [0.0, 3.0, 4.0]]

        """)
  }

  @Test(.needsPython, arguments: ["savez", "savez_compressed", "big-endian", "fortran", "zip64", "streamed"])
  func readsWhatNumPyWrites(_ way: String) throws {
    let folder = try TemporaryFolder()
    try Python.run(Self.writer, arguments: [way, folder.path("a.npz")])
    let tensors = try NPZ.read(from: folder.path("a.npz"))
    #expect(tensors.names.count == 13)
    for (name, tensor) in tensors where !["b1", "c8", "c16"].contains(name) {
      #expect(tensor.shape == [2, 3, 4], "\(name)")
      #expect(numbers(tensor) == (0..<24).map(Double.init), "\(name)")
    }
    #expect(tensors["b1"]?.elements(Bool.self) == (0..<24).map { $0 % 2 == 1 })
    let complex = try #require(tensors["c8"])
    let parts: [Float] = try #require(complex.bytes).withUnsafeBytes { bytes in
      (0..<48).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
    #expect(parts == (0..<24).flatMap { [Float($0), -Float($0)] })
  }

  private static let writer = """
    import io, sys, zipfile, numpy as np
    way, path = sys.argv[1:]
    base = np.arange(24).reshape(2, 3, 4)
    arrays = {}
    for code in "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16".split()[:13]:
        a = (base - 1j * base) if code[0] == "c" else (base % 2 if code == "b1" else base)
        a = a.astype((">" if way == "big-endian" else "<") + code)
        arrays[code] = np.asfortranarray(a) if way == "fortran" else a
    if way == "savez_compressed":
        np.savez_compressed(path, **arrays)
    elif way in ("zip64", "streamed"):
        # Unseekable output makes the sizes follow the data.
        class Pipe(io.RawIOBase):
            def __init__(self, f): self.f = f
            def writable(self): return True
            def write(self, b): return self.f.write(b)
            def flush(self): pass
        f = open(path, "wb")
        with zipfile.ZipFile(Pipe(f) if way == "streamed" else f, "w", zipfile.ZIP_DEFLATED) as z:
            for name, a in arrays.items():
                with z.open(name + ".npy", "w", force_zip64=True) as out:
                    np.lib.format.write_array(out, a)
    else:
        np.savez(path, **arrays)
    """

  @Test(.needsPython) func bfloat16IsThatOfMLDtypes() throws {
    let folder = try TemporaryFolder()
    try Python.run(
      "import sys, ml_dtypes, numpy as np; np.save(sys.argv[1], np.array([1, -2.5], ml_dtypes.bfloat16))",
      arguments: [folder.path("a.npy")])
    let tensor = try NPY.read(from: folder.path("a.npy"))
    #expect(tensor.elementType == .bfloat16)
    #expect(tensor.bytes?.withUnsafeBytes(Array.init) == [0x80, 0x3F, 0x20, 0xC0])
  }

  // MARK: - Hostile files

  @Test func everyTruncationIsAnError() throws {
    let folder = try TemporaryFolder()
    try NPZ.write(
      ["a": Tensor([1, 2] as [Float], shape: [2]), "b": Tensor(scalar: true)], to: folder.path("a"))
    let whole = try ByteRegion(contentsOf: folder.path("a")).withUnsafeBytes(Array.init)
    for count in 0..<whole.count {
      #expect(throws: FileError.self) { try NPZ.decode(ByteRegion(whole[..<count]), name: "cut") }
    }
  }

  @Test func noChangedByteDoesHarm() throws {
    let folder = try TemporaryFolder()
    try NPZ.write(
      ["a": Tensor([1, 2] as [Float], shape: [2]), "b": Tensor(scalar: true)], to: folder.path("a"))
    let whole = try ByteRegion(contentsOf: folder.path("a")).withUnsafeBytes(Array.init)
    for index in whole.indices {
      for value in [0x00, 0x7F, 0x80, 0xFF] as [UInt8] {
        var changed = whole
        changed[index] = value
        _ = try? NPZ.decode(ByteRegion(changed), name: "changed")
      }
    }
  }

  /// Twenty thousand entries over the same megabyte would be read twenty thousand times.
  @Test func refusesEntriesThatOverlap() throws {
    let data = [UInt8](repeating: 1, count: 256)
    func header(_ name: String, _ content: [UInt8], _ archive: inout ZipWriter) -> [UInt8] {
      content.withUnsafeBytes { archive.header(of: name, parts: [$0]) }
    }
    var inner = ZipWriter()
    let nested = header("b", data, &inner) + data
    var outer = ZipWriter()
    let whole = header("a", nested, &outer) + nested
    // The directory of two files, of which the second one lies in the first.
    let place = whole.count - nested.count
    let record = Array(inner.directory().prefix(46 + 1))
    let moved: [UInt8] = Array(record[..<42]) + littleEndian(place) + Array(record[46...])
    let directory = outer.directory()
    let start = directory.count - 22
    var end: [UInt8] = [0x50, 0x4B, 5, 6, 0, 0, 0, 0, 2, 0, 2, 0]
    end += littleEndian(start + moved.count)
    end += littleEndian(whole.count)
    let archive: [UInt8] = whole + Array(directory[..<start]) + moved + end + [0, 0]
    #expect(throws: FileError("zip", "'b' lies over another entry")) {
      try ZipReader(ByteRegion(archive), name: "zip")
    }
  }

  private func littleEndian(_ value: Int) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  @Test func refusesHeadersThatContradictTheDirectory() throws {
    let data: [UInt8] = [1, 2, 3]
    var writer = ZipWriter()
    let header = data.withUnsafeBytes { writer.header(of: "name", parts: [$0]) }
    let archive = header + data + writer.directory()
    #expect(
      try ZipReader(ByteRegion(archive), name: "zip").content(at: 0, limit: 9).withUnsafeBytes(Array.init)
        == data)
    for position in [8, 14, 18, 22, 30] {
      var changed = archive
      changed[position] ^= 1
      #expect(
        throws: FileError("zip", "'name' has a header that contradicts the directory"), "byte \(position)"
      ) {
        try ZipReader(ByteRegion(changed), name: "zip")
      }
    }
  }

  @Test(.needsPython) func refusesBombs() throws {
    let folder = try TemporaryFolder()
    try Python.run(
      "import sys, numpy as np; np.savez_compressed(sys.argv[1], a=np.zeros(4 << 20, np.uint8), b=np.zeros(4 << 20, np.uint8))",
      arguments: [folder.path("a.npz")])
    #expect(try NPZ.read(from: folder.path("a.npz")).count == 2)
    #expect(throws: FileError.self) { try NPZ.read(from: folder.path("a.npz"), limit: 6 << 20) }
  }

  @Test(arguments: [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "{'descr': '<f4', 'fortran_order': False}",
    "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }",
    "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
    "{'descr': '<U8', 'fortran_order': 0, 'shape': (2,)}",
    "", "{", "{'", "((((((((((", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
  ]) func refusesBadHeaders(_ text: String) {
    let bytes = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8)
    #expect(throws: FileError.self) {
      try NPY.decode(ByteRegion(bytes + [UInt8](repeating: 0, count: 8)), name: "bad")
    }
  }

  @Test func booleansAreZeroOrOne() throws {
    let text = "{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }"
    let bytes =
      [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8) + [0, 1, 7]
    let tensor = try NPY.decode(ByteRegion(bytes), name: "bool")
    #expect(tensor.bytes?.withUnsafeBytes(Array.init) == [0, 1, 1])
  }

  @Test func errorsNameFileAndArray() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("a.npz")
    #expect(throws: FileError("\(path): 'x'", "NumPy has no element type for int4")) {
      try NPZ.write(["x": Tensor(.int4, shape: [2], bytes: ByteRegion([0x21]))], to: path)
    }
    #expect(folder.content == [])
    #expect(throws: FileError("a", "not a ZIP archive, or one that was cut off")) {
      try NPZ.decode(ByteRegion(Array("PK".utf8)), name: "a")
    }
  }
}

// MARK: -

func expectEqual(_ a: NamedTensors, _ b: NamedTensors, sourceLocation: SourceLocation = #_sourceLocation) {
  #expect(a.names == b.names, sourceLocation: sourceLocation)
  for (name, tensor) in a {
    #expect(tensor.shape == b[name]?.shape, "\(name)", sourceLocation: sourceLocation)
    #expect(tensor.elementType == b[name]?.elementType, "\(name)", sourceLocation: sourceLocation)
    #expect(tensor.bytes == b[name]?.bytes, "\(name)", sourceLocation: sourceLocation)
  }
}

/// The elements of a tensor of real numbers.
func numbers(_ tensor: Tensor) -> [Double] {
  switch tensor.elementType {
  case .float32: tensor.elements(Float.self).map(Double.init)
  case .float64: tensor.elements(Double.self)
  case .float16: tensor.elements(Float16.self).map(Double.init)
  case .uint64: tensor.elements(UInt64.self).map { Double($0) }
  default: (tensor.integers ?? []).map(Double.init)
  }
}
