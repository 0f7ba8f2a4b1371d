/// The manifest of cases that are not expected to pass, each with the reason. A case listed here that passes is a
/// failure too: the list must shrink then.
enum ExpectedFailures {
  /// Why a case is not expected to pass.
  enum Reason: String {
    case randomNumbers =
      "the expected output was drawn from NumPy's random numbers, which the standard doesn't fix"
    case imageFormats =
      "ImageDecoder needs decoders for seven picture formats, which the runtime doesn't link"
    case halfPrecision =
      "computed step by step in float16, off by two units in the last place: 4.9e-4 where 4.7e-4 is allowed"
    case referenceRounding =
      "the expected output carries a float32 FFT's rounding (1.9e-7) where the exact value, which we give, is 0"
    case training = "Gradient asks for differentiation of a graph; the runtime is for inference"
  }

  static let cases: [String: Reason] = [
    "test_attention_4d_causal_fp16": .halfPrecision,
    "test_attention_4d_causal_fp16_expanded": .halfPrecision,
    "test_bernoulli": .randomNumbers,
    "test_bernoulli_expanded": .randomNumbers,
    "test_bernoulli_double": .randomNumbers,
    "test_bernoulli_double_expanded": .randomNumbers,
    "test_bernoulli_seed": .randomNumbers,
    "test_bernoulli_seed_expanded": .randomNumbers,
    "test_dft_inverse": .referenceRounding,
    "test_dft_inverse_opset19": .referenceRounding,
    "test_image_decoder_decode_bmp_rgb": .imageFormats,
    "test_image_decoder_decode_jpeg2k_rgb": .imageFormats,
    "test_image_decoder_decode_jpeg_bgr": .imageFormats,
    "test_image_decoder_decode_jpeg_grayscale": .imageFormats,
    "test_image_decoder_decode_jpeg_rgb": .imageFormats,
    "test_image_decoder_decode_png_rgb": .imageFormats,
    "test_image_decoder_decode_pnm_rgb": .imageFormats,
    "test_image_decoder_decode_tiff_rgb": .imageFormats,
    "test_image_decoder_decode_webp_rgb": .imageFormats,
    "test_gradient_of_add": .training,
    "test_gradient_of_add_and_mul": .training,
  ]

  /// The reason for `name`, if it is listed.
  static func reason(for name: String) -> Reason? { cases[name] }
}
