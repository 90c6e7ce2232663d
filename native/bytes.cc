#include "bytes.h"

#include <ATen/Functions.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "environment.h"
#include "values.h"

namespace bidora {

Bytes ToBytesView(napi_env env, napi_value value, const std::string& argument) {
  bool is_typed_array = false;
  napi_is_typedarray(env, value, &is_typed_array);
  if (!is_typed_array) throw ArgumentFailure{argument, "a typed array", Describe(env, value)};
  auto type = static_cast<napi_typedarray_type>(-1);  // what Node-API leaves where it does not know the type
  size_t length = 0;
  void* data = nullptr;
  Check(env, napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr));
  size_t width = 0;
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array: width = 1; break;
    case napi_int16_array:
    case napi_uint16_array: width = 2; break;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array: width = 4; break;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array: width = 8; break;
    default: throw ArgumentFailure{argument, "a typed array of a known type", "another one"};
  }
  return {static_cast<const uint8_t*>(data), length * width};
}

size_t ByteCount(const std::vector<int64_t>& shape, c10::ScalarType dtype) {
  auto bytes = static_cast<int64_t>(c10::elementSize(dtype));
  for (int64_t size : shape) {
    if (size < 0) throw ArgumentFailure{"shape", "sizes of 0 or more", std::to_string(size)};
    if (size > 0 && bytes > std::numeric_limits<int64_t>::max() / size)
      throw ArgumentFailure{"shape", "sizes whose product fits 64 bits", std::to_string(size)};
    bytes *= size;
  }
  return static_cast<size_t>(bytes);
}

void AssertElements(const uint8_t* data, size_t length, c10::ScalarType dtype) {
  if (dtype != c10::ScalarType::Bool) return;
  if (std::all_of(data, data + length, [](uint8_t byte) { return byte <= 1; })) return;
  throw ArgumentFailure{"data", "bytes of 0 and 1 for bool", "others"};
}

at::Tensor CopyToTensor(const uint8_t* data, size_t length, at::IntArrayRef shape, c10::ScalarType dtype) {
  at::Tensor tensor = at::empty(shape, at::TensorOptions(dtype));
  if (length > 0) std::memcpy(tensor.mutable_data_ptr(), data, length);
  return tensor;
}

// Where there is no memory V8's own function ends the process; JavaScript's constructor throws.
napi_value NewArrayBuffer(Environment& environment, size_t length, void** data) {
  constexpr size_t kSmall = 1 << 20;
  napi_env env = environment.env();
  napi_value buffer = nullptr;
  if (length <= kSmall) {
    Check(env, napi_create_arraybuffer(env, length, data, &buffer));
    return buffer;
  }
  napi_value size = nullptr;
  Check(env, napi_create_double(env, static_cast<double>(length), &size));
  if (napi_new_instance(env, environment.array_buffer.Value(), 1, &size, &buffer) != napi_ok) {
    napi_value ignored = nullptr;
    if (napi_get_and_clear_last_exception(env, &ignored) != napi_ok) throw PendingException();
    TORCH_CHECK_WITH(OutOfMemoryError, false, "JavaScript has no ArrayBuffer of ", length, " bytes");
  }
  Check(env, napi_get_arraybuffer_info(env, buffer, data, nullptr));
  return buffer;
}

}  // namespace bidora
