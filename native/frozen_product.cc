#include "frozen_product.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "fused.h"
#include "multiply.h"
#include "values.h"

namespace bidora {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

namespace {

#if defined(__x86_64__)
// to [cols] = from + bias
__attribute__((target("avx2"))) void WidenRow(const uint16_t* from, const float* bias, float* to, int64_t cols) {
  int64_t i = 0;
  for (; i + 8 <= cols; i += 8) {
    __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i)));
    __m256 x = _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
    if (bias) x = _mm256_add_ps(x, _mm256_loadu_ps(bias + i));
    _mm256_storeu_ps(to + i, x);
  }
  for (; i < cols; i++) {
    uint32_t bits = static_cast<uint32_t>(from[i]) << 16;
    float x;
    std::memcpy(&x, &bits, sizeof x);
    to[i] = bias ? x + bias[i] : x;
  }
}
#endif

// The product in bfloat16, its sum in float32. oneDNN prepares a kernel for every number of rows: there are few of them,
// as it is rounded up, which costs nothing here, where the rows are copied anyway.
at::Tensor NarrowProduct(const at::Tensor& x, const Frozen& frozen, at::Tensor out, int64_t rows, bool forward) {
  constexpr int64_t kStep = 16;
  int64_t inner = x.numel() / rows, outer = out.numel() / rows;
  at::Tensor narrow = at::empty({(rows + kStep - 1) / kStep * kStep, inner}, frozen.packed.options());
  narrow.narrow(0, 0, rows).copy_(x.view({rows, inner}));
  narrow.narrow(0, rows, narrow.size(0) - rows).zero_();
  at::Tensor product = forward ? at::linear(narrow, frozen.packed) : at::mm(narrow, frozen.packed);
#if defined(__x86_64__)
  const auto* from = reinterpret_cast<const uint16_t*>(product.const_data_ptr<at::BFloat16>());
  const float* bias = forward && frozen.bias.defined() ? frozen.bias.const_data_ptr<float>() : nullptr;
  float* to = out.mutable_data_ptr<float>();
  at::parallel_for(0, rows, std::max<int64_t>(1, 16384 / outer), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) WidenRow(from + row * outer, bias, to + row * outer, outer);
  });
#endif
  return out;
}

bool IsNarrow(const Frozen& frozen) { return frozen.packed.scalar_type() == at::kBFloat16; }

}  // namespace

at::Tensor Product(const at::Tensor& input, const Frozen& frozen, bool forward) {
  int64_t out_features = frozen.weight.size(0), in_features = frozen.weight.size(1);
  int64_t inner = forward ? in_features : out_features, outer = forward ? out_features : in_features;
  at::Tensor x = input.contiguous();
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = outer;
  at::Tensor out = at::empty(shape, x.options());
  if (out.numel() == 0) return out;
  if (IsNarrow(frozen)) return NarrowProduct(x, frozen, out, x.numel() / inner, forward);
  Panels matrix = forward ? Panels{frozen.packed.const_data_ptr<float>(), kPanel, kPanel * in_features}
                          : InPlace(frozen.weight.const_data_ptr<float>(), in_features);
  bool with_bias = forward && frozen.bias.defined();
  Multiply(x.const_data_ptr<float>(), matrix, out.mutable_data_ptr<float>(), x.numel() / inner, inner, outer,
           {with_bias ? frozen.bias.const_data_ptr<float>() : nullptr});
  return out;
}

void Save(AutogradContext* context, const Frozen& frozen) {
  context->saved_data["weight"] = frozen.weight;
  context->saved_data["packed"] = frozen.packed;
  context->saved_data["version"] = static_cast<int64_t>(frozen.weight._version());
}

Frozen Saved(AutogradContext* context) {
  auto& data = context->saved_data;
  Frozen frozen{data["weight"].toTensor(), data["packed"].toTensor(), {}};
  TORCH_CHECK(static_cast<int64_t>(frozen.weight._version()) == data["version"].toInt(),
              "one of the variables needed for gradient computation has been modified by an inplace operation: "
              "a frozen weight");
  return frozen;
}

namespace {

// Linear in its input: each derivative is the product with the other matrix.
class ProductNode : public Function<ProductNode> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const Frozen& frozen, bool is_forward) {
    Save(context, frozen);
    context->saved_data["forward"] = is_forward;
    return Product(x, frozen, is_forward);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    if (!gradients[0].defined()) return {at::Tensor(), at::Tensor(), at::Tensor()};
    bool was_forward = context->saved_data["forward"].toBool();
    return {ProductWithGradient(gradients[0], Saved(context), !was_forward), at::Tensor(), at::Tensor()};
  }
};

// canPack(weight) => whether products with it are faster by a packed copy here
napi_value CanPack(Environment& environment, const Napi::CallbackInfo& info) {
  const at::Tensor& weight = environment.Tensor(info[0], "weight");
  bool can = CanMultiply() && weight.is_cpu() && weight.scalar_type() == at::kFloat && weight.dim() == 2 &&
             weight.is_contiguous() && weight.numel() > 0;
  return Napi::Boolean::New(info.Env(), can);
}

// packWeight(weight [out, in]) => its transpose in panels of columns, [panels, in, 64]
napi_value PackWeight(Environment& environment, const Napi::CallbackInfo& info) {
  const at::Tensor weight = environment.Tensor(info[0], "weight").detach();
  if (weight.dim() != 2 || weight.numel() == 0) throw ArgumentFailure{"weight", "[out, in]", DescribeTensor(weight)};
  int64_t out_features = weight.size(0), panels = (out_features + kPanel - 1) / kPanel;
  at::Tensor packed = at::zeros({panels, weight.size(1), kPanel}, weight.options());
  for (int64_t panel = 0; panel < panels; panel++) {
    int64_t width = std::min(kPanel, out_features - panel * kPanel);
    packed[panel].narrow(1, 0, width).copy_(weight.narrow(0, panel * kPanel, width).t());
  }
  return environment.Wrap(std::move(packed));
}

// frozenLinear(input [..., in], weight [out, in], packed, bias [out] or null) => [..., out]
napi_value FrozenLinear(Environment& environment, const Napi::CallbackInfo& info) {
  const at::Tensor& x = environment.Tensor(info[0], "input");
  Frozen frozen = ReadFrozen(environment, info, 1, x);
  return environment.Wrap(environment.RetryOutOfMemory([&] { return ProductWithGradient(x, frozen, true); }));
}

}  // namespace

at::Tensor ProductWithGradient(const at::Tensor& x, const Frozen& frozen, bool forward) {
  if (HasTangent(x)) return forward ? at::linear(x, frozen.weight, frozen.bias) : at::matmul(x, frozen.weight);
  if (at::GradMode::is_enabled() && x.requires_grad()) return ProductNode::apply(x, frozen, forward);
  return Product(x, frozen, forward);
}

Frozen ReadFrozen(Environment& environment, const Napi::CallbackInfo& info, size_t at, const at::Tensor& x) {
  Frozen frozen{environment.Tensor(info[at], "weight"), environment.Tensor(info[at + 1], "packed"),
                OptionalTensor(environment, info[at + 2], "bias")};
  auto is_float = [](const at::Tensor& tensor) { return tensor.is_cpu() && tensor.scalar_type() == at::kFloat; };
  const auto& [weight, packed, bias] = frozen;
  if (!CanMultiply() || !is_float(weight) || weight.dim() != 2 || !weight.is_contiguous())
    throw ArgumentFailure{"weight", "float32 [out, in] on a CPU with AVX2", DescribeTensor(weight)};
  int64_t out_features = weight.size(0), in_features = weight.size(1);
  if (!is_float(x) || x.dim() == 0 || x.size(-1) != in_features)
    throw ArgumentFailure{"input", "float32 [..., " + std::to_string(in_features) + "] on the CPU", DescribeTensor(x)};
  int64_t panels = (out_features + kPanel - 1) / kPanel;
  bool fits = IsNarrow(frozen) ? packed.sizes() == weight.sizes()
                               : is_float(packed) && packed.numel() == panels * in_features * kPanel;
  if (!fits || !packed.is_cpu() || !packed.is_contiguous())
    throw ArgumentFailure{"packed", "the packed form of the weight", DescribeTensor(packed)};
  if (bias.defined() && (!is_float(bias) || bias.numel() != out_features || !bias.is_contiguous()))
    throw ArgumentFailure{"bias", "float32 [" + std::to_string(out_features) + "]", DescribeTensor(bias)};
  return frozen;
}

void InitFrozenProduct(Napi::Object exports) {
  Export<CanPack>(exports, "canPack");
  Export<PackWeight>(exports, "packWeight");
  Export<FrozenLinear>(exports, "frozenLinear");
}

}  // namespace bidora
