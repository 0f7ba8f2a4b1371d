import TestSupport
import Testing

@testable import CommandLineSupport

@Suite struct TextTests {
  @Test func numbers() {
    #expect(decimal(12.349, digits: 1) == "12.3" && decimal(Float(2), digits: 0) == "2")
    #expect(decimal(-0.0625, digits: 3) == "-0.062" && decimal(Double.infinity, digits: 2) == "inf")
    #expect(decimal(Double.greatestFiniteMagnitude, digits: 3).count == 313)
    #expect(formatted("%.3g", 0.00123456) == "0.00123")
    #expect(percent(0.1234) == "12.3 %")
  }

  @Test func spaces() {
    #expect("\t a b \u{3000}".trimmed == "a b" && " ".trimmed == "" && "".trimmed == "")
    #expect("ab".padded(to: 4) == "ab  " && "abc".padded(to: 2) == "abc")
  }
}

@Suite struct StartUpTests {
  /// The whole of Foundation, with its 30 MB of Unicode tables, takes longer to load than a small model; so does OpenBLAS
  /// with Fortran's library, which most models never call.
  @Test(arguments: ["csn-run", "csn-convert"]) func loadsNoMoreThanItNeeds(_ name: String) throws {
    let libraries = try run("/usr/bin/ldd", arguments: [executablePath(name)])
    #expect(libraries.status == 0 && libraries.output.contains("libc.so"), "\(libraries)")
    for library in [
      "libFoundation.so", "libFoundationInternationalization.so", "lib_FoundationICU.so", "libopenblas",
      "libgfortran",
    ] {
      #expect(!libraries.output.contains(library))
    }
  }
}
