// Host memory in and out: one copy each way.
#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>

#include <cstring>
#include <limits>

#include "convert.h"
#include "environment.h"

namespace bidora {

namespace {

struct Bytes {
  const uint8_t* data;
  size_t length;
};

// The bytes under a typed array or a Buffer.
Bytes BytesOf(const Napi::Value& value, const char* argument) {
  if (!value.IsTypedArray()) throw ArgumentFailure{argument, "a typed array", Describe(value.Env(), value)};
  Napi::TypedArray array = value.As<Napi::TypedArray>();
  Napi::ArrayBuffer buffer = array.ArrayBuffer();
  return {static_cast<const uint8_t*>(buffer.Data()) + array.ByteOffset(), array.ByteLength()};
}

// How many bytes `shape` takes; refuses negative sizes and products that overflow.
int64_t ByteCount(const std::vector<int64_t>& shape, c10::ScalarType dtype) {
  int64_t bytes = static_cast<int64_t>(c10::elementSize(dtype));
  for (int64_t size : shape) {
    if (size < 0) throw ArgumentFailure{"shape", "sizes of 0 or more", std::to_string(size)};
    if (size > 0 && bytes > std::numeric_limits<int64_t>::max() / size) throw ArgumentFailure{"shape", "a product that fits 64 bits", "a larger one"};
    bytes *= size;
  }
  return bytes;
}

// fromBytes(typedArray, shape, dtype, device, requiresGrad): the array's bytes are the elements of `dtype`
napi_value FromBytes(Environment& environment, const Napi::CallbackInfo& info) {
  Bytes bytes = BytesOf(info[0], "data");
  std::vector<int64_t> shape = IntVector(info.Env(), info[1], "shape");
  c10::ScalarType dtype = DtypeFromName(info[2].ToString(), "dtype");
  c10::Device device = DeviceFromName(info[3].ToString(), "device");
  if (ByteCount(shape, dtype) != static_cast<int64_t>(bytes.length)) {
    throw ArgumentFailure{"data", std::to_string(ByteCount(shape, dtype)) + " bytes for this shape and dtype", std::to_string(bytes.length)};
  }
  at::Tensor tensor = at::empty(shape, at::TensorOptions(dtype));
  if (bytes.length > 0) std::memcpy(tensor.mutable_data_ptr(), bytes.data, bytes.length);
  if (!device.is_cpu()) tensor = tensor.to(device);
  if (info[4].ToBoolean()) tensor.set_requires_grad(true);
  return environment.Wrap(std::move(tensor));
}

// toBytes(tensor) => ArrayBuffer of its elements, contiguous, in its own dtype
napi_value ToBytes(Environment& environment, const Napi::CallbackInfo& info) {
  at::Tensor tensor = environment.Tensor(info[0], "tensor").detach();
  // A gradient that is zero everywhere may come without memory.
  if (tensor._is_zerotensor()) tensor = tensor.clone();
  tensor = tensor.to(at::kCPU).resolve_neg().contiguous();  // sync
  size_t length = static_cast<size_t>(tensor.numel()) * tensor.element_size();
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(info.Env(), length);
  if (length > 0) std::memcpy(buffer.Data(), tensor.const_data_ptr(), length);
  return buffer;
}

// item(tensor) => number, boolean or bigint (int64)
napi_value Item(Environment& environment, const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = environment.Tensor(info[0], "tensor");
  at::Scalar value = tensor.item();  // sync
  napi_value result = nullptr;
  if (value.isBoolean()) {
    napi_get_boolean(info.Env(), value.toBool(), &result);
  } else if (tensor.scalar_type() == c10::ScalarType::Long) {
    napi_create_bigint_int64(info.Env(), value.toLong(), &result);
  } else {
    napi_create_double(info.Env(), value.toDouble(), &result);
  }
  return result;
}

}  // namespace

void InitTransfer(Napi::Object exports) {
  Export<FromBytes>(exports, "fromBytes");
  Export<ToBytes>(exports, "toBytes");
  Export<Item>(exports, "item");
}

}  // namespace bidora
