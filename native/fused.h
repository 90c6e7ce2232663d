// What the operators of our own (dropout.cc, frozen_product.cc, attention.cc) share. Each computes in one pass what
// libtorch's operators would in several, and gives its work back to those wherever a derivative is wanted that it has
// not: a second one, or one in forward mode.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "environment.h"
#include "values.h"

namespace bidora {

// A key for masks, drawn from the environment's CPU generator.
uint64_t DrawKey(Environment& environment);

// libtorch has one level of forward mode.
inline bool HasTangent(const at::Tensor& tensor) { return tensor.defined() && tensor._fw_grad(/*level=*/0).defined(); }

// A tensor, or an undefined one for null and undefined.
inline at::Tensor OptionalTensor(Environment& environment, const Napi::Value& value, const char* argument) {
  return value.IsNull() || value.IsUndefined() ? at::Tensor() : environment.Tensor(value, argument);
}

// 'float32 [2, 3]', for an error.
inline std::string DescribeTensor(const at::Tensor& tensor) {
  std::string text = std::string(DtypeName(tensor.scalar_type())) + " [";
  for (int64_t i = 0; i < tensor.dim(); i++) text += (i > 0 ? ", " : "") + std::to_string(tensor.size(i));
  return text + "]" + (tensor.is_cpu() ? "" : " on another device");
}

}  // namespace bidora
