// Bytes of typed arrays, tensors and array buffers.
#pragma once

#include <napi.h>

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bidora {

class Environment;

// The bytes under a typed array or a Buffer, until JavaScript runs again.
struct Bytes {
  const uint8_t* data;
  size_t length;
};
Bytes ToBytesView(napi_env env, napi_value value, const std::string& argument);
// How many bytes `shape` takes; refuses negative sizes and products that overflow.
size_t ByteCount(const std::vector<int64_t>& shape, c10::ScalarType dtype);
// A bool that is neither 0 nor 1 makes kernels count wrongly: refused, from the caller as from a file.
void AssertElements(const uint8_t* data, size_t length, c10::ScalarType dtype);
at::Tensor CopyToTensor(const uint8_t* data, size_t length, at::IntArrayRef shape, c10::ScalarType dtype);
// An ArrayBuffer of that size, and its memory. Throws c10::OutOfMemoryError.
napi_value NewArrayBuffer(Environment& environment, size_t length, void** data);

}  // namespace bidora
