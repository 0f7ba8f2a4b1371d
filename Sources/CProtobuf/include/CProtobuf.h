// The ONNX messages for Swift: what protoc-c makes of onnx.proto, and the descriptors of the messages that files hold.
#pragma once

#include "onnx.pb-c.h"

static inline const ProtobufCMessageDescriptor *csn_model_descriptor(void) { return &onnx__model_proto__descriptor; }
static inline const ProtobufCMessageDescriptor *csn_tensor_descriptor(void) { return &onnx__tensor_proto__descriptor; }
static inline const ProtobufCMessageDescriptor *csn_sequence_descriptor(void) {
  return &onnx__sequence_proto__descriptor;
}
static inline const ProtobufCMessageDescriptor *csn_optional_descriptor(void) {
  return &onnx__optional_proto__descriptor;
}
