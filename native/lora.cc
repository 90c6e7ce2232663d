// A linear layer with a low-rank addition, in one node: y = x W^T + b + s (z A^T) B^T, with z = x, or x after dropout.
// W is frozen. No part of the addition is packed or made in the size of the output, forward or backward.
#include <ATen/Functions.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <string>

#include "environment.h"
#include "frozen_product.h"
#include "fused.h"
#include "multiply.h"
#include "values.h"

namespace bidora {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

const float* Read(const at::Tensor& tensor) { return tensor.const_data_ptr<float>(); }

// x [rows, inner] times m [inner, outer]; into `out` where it is given, added to it.
at::Tensor Times(const at::Tensor& x, const at::Tensor& m, const at::Tensor& out = {}) {
  at::Tensor result = out.defined() ? out : at::empty({x.size(0), m.size(1)}, x.options());
  if (x.size(0) > 0)
    Multiply(Read(x), InPlace(Read(m), m.size(1)), result.mutable_data_ptr<float>(), x.size(0), m.size(0), m.size(1),
             {nullptr, out.defined()});
  return result;
}

// x^T y, for x [rows, rank] and y [rows, cols].
at::Tensor TransposedTimes(const at::Tensor& x, const at::Tensor& y) {
  at::Tensor result = at::zeros({x.size(1), y.size(1)}, x.options());
  MultiplyTransposed(Read(x), Read(y), result.mutable_data_ptr<float>(), x.size(0), x.size(1), y.size(1));
  return result;
}

struct Added {
  at::Tensor out;  // [rows, out]
  at::Tensor low;  // z A^T: [rows, rank]
};

Added Forward(const at::Tensor& x, const std::optional<at::Tensor>& dropped, const Frozen& frozen, const at::Tensor& a,
              const at::Tensor& b, double scaling) {
  at::Tensor flat = x.contiguous(), z = dropped ? dropped->contiguous() : flat;
  Added added{Product(flat, frozen, true), Times(z, a.t().contiguous())};
  Times(added.low, at::mul(b.t(), scaling).contiguous(), added.out);
  return added;
}

class LoraNode : public Function<LoraNode> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const std::optional<at::Tensor>& dropped,
                            const Frozen& frozen, const at::Tensor& a, const at::Tensor& b, double scaling) {
    auto [out, low] = Forward(x, dropped, frozen, a, b, scaling);
    // What was given, not a copy: a second derivative follows it.
    context->save_for_backward({dropped ? *dropped : x, a, b, low});
    context->saved_data["scaling"] = scaling;
    context->saved_data["dropped"] = dropped.has_value();
    Save(context, frozen);
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const at::Tensor none;
    if (!gradients[0].defined()) return {none, none, none, none, none, none};
    variable_list saved = context->get_saved_variables();
    const at::Tensor &z = saved[0], &a = saved[1], &b = saved[2];
    double scaling = context->saved_data["scaling"].toDouble();
    // Edges: x, dropped (where it is given), a, b.
    size_t edges = context->saved_data["dropped"].toBool() ? 1 : 0;
    bool of_x = context->needs_input_grad(0), of_z = edges > 0 && context->needs_input_grad(1);
    bool of_a = context->needs_input_grad(1 + edges), of_b = context->needs_input_grad(2 + edges);
    Frozen frozen = Saved(context);
    bool composite = at::GradMode::is_enabled() || HasTangent(gradients[0]) || HasTangent(z) || HasTangent(a) ||
                     HasTangent(b);
    at::Tensor dx, dz, da, db;
    if (composite) {  // of operators that have derivatives themselves
      const at::Tensor& g = gradients[0];
      at::Tensor low = at::mul(at::mm(g, b), scaling);
      at::Tensor through = at::mm(low, a);
      dx = ProductWithGradient(g, frozen, false);
      if (edges == 0) dx = at::add(dx, through);
      dz = through;
      da = at::mm(low.t(), z);
      db = at::mul(at::mm(g.t(), at::mm(z, a.t())), scaling);
    } else {
      at::Tensor g = gradients[0].contiguous();
      at::Tensor low = Times(g, at::mul(b, scaling).contiguous());  // [rows, rank]
      if (of_x) dx = Product(g, frozen, false);
      if (edges == 0 && of_x) Times(low, a.contiguous(), dx);
      if (of_z) dz = Times(low, a.contiguous());
      if (of_a) da = TransposedTimes(low, z.contiguous());
      if (of_b) db = at::mul(TransposedTimes(saved[3], g).t(), scaling).contiguous();
    }
    return {of_x ? dx : none, of_z ? dz : none, none, of_a ? da : none, of_b ? db : none, none};
  }
};

// loraLinear(input [rows, in], dropped or null, weight, packed, bias or null, loraA [rank, in], loraB [out, rank], scaling)
// => [rows, out]
napi_value LoraLinear(Environment& environment, const Napi::CallbackInfo& info) {
  const at::Tensor& x = environment.Tensor(info[0], "input");
  at::Tensor dropped = OptionalTensor(environment, info[1], "dropped");
  Frozen frozen = ReadFrozen(environment, info, 2, x);
  const at::Tensor& a = environment.Tensor(info[5], "loraA");
  const at::Tensor& b = environment.Tensor(info[6], "loraB");
  double scaling = ToDouble(info.Env(), info[7], "scaling");
  if (x.dim() != 2) throw ArgumentFailure{"input", "[rows, in]", std::to_string(x.dim()) + " dimensions"};
  if (dropped.defined() && (dropped.sizes() != x.sizes() || dropped.scalar_type() != x.scalar_type()))
    throw ArgumentFailure{"dropped", "a tensor as the input", DescribeTensor(dropped)};
  for (const at::Tensor& factor : {a, b})
    if (factor.dim() != 2 || factor.scalar_type() != at::kFloat || !factor.is_cpu())
      throw ArgumentFailure{"loraA", "float32 factors on the CPU", DescribeTensor(factor)};
  if (a.size(1) != x.size(1) || b.size(0) != frozen.weight.size(0) || b.size(1) != a.size(0))
    throw ArgumentFailure{"loraA", "factors [rank, in] and [out, rank]", DescribeTensor(a)};
  std::optional<at::Tensor> z = dropped.defined() ? std::optional(dropped) : std::nullopt;
  return environment.Wrap(environment.RetryOutOfMemory([&] {
    bool graph = at::GradMode::is_enabled() && (x.requires_grad() || (z && z->requires_grad()) || a.requires_grad() ||
                                                b.requires_grad());
    return graph ? LoraNode::apply(x, z, frozen, a, b, scaling) : Forward(x, z, frozen, a, b, scaling).out;
  }));
}

}  // namespace

void InitLora(Napi::Object exports) { Export<LoraLinear>(exports, "loraLinear"); }

}  // namespace bidora
