// Products with a frozen weight. It is laid out once as the kernels read it; it has no gradient, so that nothing of the
// input is kept for it.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/autograd/custom_function.h>

#include "environment.h"

namespace bidora {

struct Frozen {
  at::Tensor weight;  // [out, in]
  at::Tensor packed;  // the transposed weight in panels; or the weight in bfloat16, for products of that type
  at::Tensor bias;    // [out], or undefined
};

// The product with the transposed weight, plus the bias (`forward`), or with the weight itself: no graph.
at::Tensor Product(const at::Tensor& input, const Frozen& frozen, bool forward);

// The same with derivatives of every order, in forward mode too.
at::Tensor ProductWithGradient(const at::Tensor& input, const Frozen& frozen, bool forward);

// What keeps a frozen weight for a backward, and checks that it has not changed meanwhile.
void Save(torch::autograd::AutogradContext* context, const Frozen& frozen);
Frozen Saved(torch::autograd::AutogradContext* context);

// Reads (weight, packed, bias) of a call and checks that they and the input fit each other.
Frozen ReadFrozen(Environment& environment, const Napi::CallbackInfo& info, size_t at, const at::Tensor& input);

}  // namespace bidora
