// Host memory in and out: one copy each way.
#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstring>

#include "bytes.h"
#include "environment.h"
#include "values.h"

namespace bidora {

namespace {

// A number on the host carries no tangent, and what is made of it would be wrong without a sign of it.
const at::Tensor& RefuseDual(const at::Tensor& tensor) {
  if (!tensor._fw_grad(0).defined()) return tensor;
  throw ArgumentFailure{"tensor", "one without a tangent, to be read on the host",
                        "one that jvp differentiates; read it after jvp, or inside noGrad as a constant"};
}

// fromBytes(typedArray, shape, dtype, device, requiresGrad): the array's bytes are the elements of `dtype`
napi_value FromBytes(Environment& environment, const Napi::CallbackInfo& info) {
  std::vector<int64_t> shape = ToIntVector(info.Env(), info[1], "shape");
  c10::ScalarType dtype = ToDtype(info.Env(), info[2], "dtype");
  c10::Device device = ToDevice(info.Env(), info[3], "device");
  size_t expected = ByteCount(shape, dtype);
  Bytes bytes = ToBytesView(info.Env(), info[0], "data");
  if (expected != bytes.length) {
    throw ArgumentFailure{"data", std::to_string(expected) + " bytes for this shape and dtype",
                          std::to_string(bytes.length)};
  }
  AssertElements(bytes.data, bytes.length, dtype);
  at::Tensor tensor = environment.RetryOutOfMemory([&] {
    at::Tensor copy = CopyToTensor(bytes.data, bytes.length, shape, dtype);
    return device.is_cpu() ? copy : copy.to(device);
  });
  if (info[4].ToBoolean()) tensor.set_requires_grad(true);
  return environment.Wrap(std::move(tensor));
}

// toBytes(tensor) => ArrayBuffer of its elements, contiguous, in its own dtype
napi_value ToBytes(Environment& environment, const Napi::CallbackInfo& info) {
  at::Tensor tensor = RefuseDual(environment.Tensor(info[0], "tensor")).detach();
  at::Tensor host = environment.RetryOutOfMemory([&] {
    // A gradient that is zero everywhere may come without memory.
    at::Tensor whole = tensor._is_zerotensor() ? tensor.clone() : tensor;
    return whole.to(at::kCPU).resolve_neg().contiguous();  // sync
  });
  void* data = nullptr;
  napi_value buffer = environment.RetryOutOfMemory([&] { return NewArrayBuffer(environment, host.nbytes(), &data); });
  if (host.nbytes() > 0) std::memcpy(data, host.const_data_ptr(), host.nbytes());
  return buffer;
}

// item(tensor) => number, boolean or bigint (int64)
napi_value Item(Environment& environment, const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = RefuseDual(environment.Tensor(info[0], "tensor"));
  at::Scalar value = tensor.item();  // sync
  napi_value result = nullptr;
  if (value.isBoolean())
    napi_get_boolean(info.Env(), value.toBool(), &result);
  else if (tensor.scalar_type() == c10::ScalarType::Long)
    napi_create_bigint_int64(info.Env(), value.toLong(), &result);
  else
    napi_create_double(info.Env(), value.toDouble(), &result);
  return result;
}

}  // namespace

void InitTransfer(Napi::Object exports) {
  Export<FromBytes>(exports, "fromBytes");
  Export<ToBytes>(exports, "toBytes");
  Export<Item>(exports, "item");
}

}  // namespace bidora
