// Gradients of scalars or with given cotangents, and the grad mode of this thread.
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/AutogradState.h>
#include <c10/util/ScopeExit.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include <vector>

#include "environment.h"
#include "values.h"

namespace bidora {

namespace {

std::vector<at::Tensor> TensorList(Environment& environment, const Napi::Value& value, const char* argument) {
  std::vector<at::Tensor> result;
  for (uint32_t i = 0, n = ArrayLength(value.Env(), value, argument, "an array of Tensors"); i < n; i++) {
    Napi::Value element(value.Env(), ArrayElement(value.Env(), value, i));
    // A missing cotangent stands for ones.
    result.push_back(element.IsNull() || element.IsUndefined() ? at::Tensor() : environment.Tensor(element, argument));
  }
  return result;
}

// grad(outputs, inputs, gradOutputs, retainGraph, createGraph, allowUnused) => array of Tensor or null
napi_value Grad(Environment& environment, const Napi::CallbackInfo& info) {
  std::vector<at::Tensor> outputs = TensorList(environment, info[0], "outputs");
  std::vector<at::Tensor> inputs = TensorList(environment, info[1], "inputs");
  std::vector<at::Tensor> cotangents = TensorList(environment, info[2], "gradOutputs");
  // A node that calls JavaScript must run on this thread, on whatever device its tensors are.
  c10::AutogradState& state = c10::AutogradState::get_tls_state();
  bool threads = state.get_multithreading_enabled();
  if (environment.checkpoints > 0) state.set_multithreading_enabled(false);
  auto restore = c10::make_scope_exit([&] { state.set_multithreading_enabled(threads); });
  std::vector<at::Tensor> gradients = torch::autograd::grad(outputs, inputs, cotangents, info[3].ToBoolean().Value(),
                                                            info[4].ToBoolean().Value(), info[5].ToBoolean().Value());
  napi_value result = nullptr;
  Check(info.Env(), napi_create_array_with_length(info.Env(), gradients.size(), &result));
  for (size_t i = 0; i < gradients.size(); i++) {
    napi_value gradient = environment.Wrap(std::move(gradients[i]));
    Check(info.Env(), napi_set_element(info.Env(), result, static_cast<uint32_t>(i), gradient));
  }
  return result;
}

napi_value IsGradEnabled(Environment&, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), at::GradMode::is_enabled());
}

// Returns the mode before.
napi_value SetGradEnabled(Environment&, const Napi::CallbackInfo& info) {
  bool before = at::GradMode::is_enabled();
  bool enabled = info[0].ToBoolean().Value();
  at::GradMode::set_enabled(enabled);
  // Differs from PyTorch: a weight that autocast has cast without a graph must not stand for it where there is one.
  if (enabled != before) at::autocast::clear_cache();
  return Napi::Boolean::New(info.Env(), before);
}

// The name of the node that made a tensor ('AddBackward0'), or null for a leaf.
napi_value GradientNode(Environment& environment, const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = environment.Tensor(info[0], "tensor");
  if (!tensor.grad_fn()) return info.Env().Null();
  return Napi::String::New(info.Env(), tensor.grad_fn()->name());
}

}  // namespace

void InitAutograd(Napi::Object exports) {
  Export<Grad>(exports, "grad");
  Export<IsGradEnabled>(exports, "isGradEnabled");
  Export<SetGradEnabled>(exports, "setGradEnabled");
  Export<GradientNode>(exports, "gradientNode");
}

}  // namespace bidora
