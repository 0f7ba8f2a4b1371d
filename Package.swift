// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "csn",
  products: [
    .library(name: "ONNXParse", targets: ["ONNXParse"]),
    .library(name: "GraphRuntime", targets: ["GraphRuntime"]),
    .library(name: "CSNGraphs", targets: ["CSNGraphs"]),
    .executable(name: "csn-convert", targets: ["csn-convert"]),
    .executable(name: "csn-run", targets: ["csn-run"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.0.0"),
  ],
  targets: [
    // C: generated protobuf code, system libraries, kernels.
    .target(name: "CProtobuf", exclude: ["onnx.proto"], linkerSettings: [.linkedLibrary("protobuf-c")]),
    // Its header only: CBridge loads the library when something needs it, so that nothing links with it.
    .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
    .target(name: "CPNG", linkerSettings: [.linkedLibrary("png"), .linkedLibrary("z")]),
    .target(
      name: "CKernels", exclude: ["README.md"], cSettings: [.headerSearchPath(".")],
      linkerSettings: [.linkedLibrary("pthread"), .linkedLibrary("m")]),
    .target(name: "CBridge", dependencies: ["CKernels"], exclude: ["README.md"]),

    // Libraries, lowest first; each imports only what stands above it here.
    .target(name: "ONNXParse", dependencies: ["CProtobuf"]),
    .target(
      name: "GraphRuntime",
      dependencies: [
        "ONNXParse", "CKernels", "CBridge", "COpenBLAS",
        .product(name: "HeapModule", package: "swift-collections"),
        .product(name: "RealModule", package: "swift-numerics"),
      ]),
    .target(name: "TensorFiles", dependencies: ["GraphRuntime", "CPNG"]),
    .target(name: "ImageFiles", dependencies: ["GraphRuntime", "CPNG"]),
    .target(
      name: "CSNGraphs",
      dependencies: [
        "GraphRuntime", "COpenBLAS", .product(name: "RealModule", package: "swift-numerics"),
      ]),

    // Command lines.
    .target(
      name: "CommandLineSupport",
      dependencies: [
        "CSNGraphs", "TensorFiles", "ImageFiles",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(name: "csn-convert", dependencies: ["CommandLineSupport"]),
    .executableTarget(name: "csn-run", dependencies: ["CommandLineSupport"]),

    // The pictures and the model of our own making under Models/.
    .target(name: "SampleScenes", dependencies: [.product(name: "RealModule", package: "swift-numerics")]),
    .executableTarget(name: "make-models", dependencies: ["CSNGraphs", "ImageFiles", "SampleScenes"]),

    // Tests.
    .target(name: "TestSupport", path: "Tests/TestSupport"),
    .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
    .testTarget(name: "CKernelsTests", dependencies: ["CKernels", "CAllocationCounter", "TestSupport"]),
    .testTarget(name: "ONNXParseTests", dependencies: ["ONNXParse", "TestSupport"]),
    .testTarget(
      name: "GraphRuntimeTests", dependencies: ["GraphRuntime", "CAllocationCounter", "TestSupport"],
      exclude: ["Support/onnx_node_cases.py"]),
    .testTarget(name: "TensorFilesTests", dependencies: ["TensorFiles", "TestSupport"]),
    .testTarget(
      name: "ImageFilesTests", dependencies: ["ImageFiles", "TestSupport"], exclude: ["decode_png.py"]),
    .testTarget(
      name: "CSNGraphsTests",
      dependencies: ["CSNGraphs", "TensorFiles", "ImageFiles", "SampleScenes", "TestSupport"]),
    .testTarget(
      name: "CommandLineTests",
      dependencies: ["CommandLineSupport", "csn-run", "csn-convert", "TestSupport"],
      exclude: ["Snapshots"]),
    .testTarget(name: "ConformanceTests", dependencies: ["GraphRuntime", "TensorFiles", "TestSupport"]),
  ],
  swiftLanguageModes: [.v6]
)

for target in package.targets where ![.system, .plugin].contains(target.type) {
  target.swiftSettings = [.treatAllWarnings(as: .error)]
}
