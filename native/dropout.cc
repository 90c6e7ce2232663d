// Dropout whose mask is a function of a key and of an element's place, not of the order in which elements come: rows may
// be packed or padded, forward and backward make the same mask again, and nothing is stored. One key is drawn from the
// environment's generator for each call.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Dispatch.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "environment.h"
#include "fused.h"
#include "philox.h"
#include "values.h"

namespace bidora {

uint64_t DrawKey(Environment& environment) {
  at::Generator& generator = environment.GeneratorFor(at::kCPU);
  std::lock_guard<std::mutex> lock(generator.mutex());
  return at::check_generator<at::CPUGeneratorImpl>(generator)->random64();
}

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

struct Mask {
  uint64_t key;
  double p;
  at::Tensor places;  // [rows] int64: which row of the mask each row has; undefined: its own
};

template <typename T>
void MaskedRow(const T* x, const T* residual, T* out, int64_t cols, uint64_t first_group, uint64_t key,
               const KeepRule& rule) {
  uint32_t words[kWords];
  const T scale = static_cast<T>(rule.scale);
  for (int64_t c = 0; c < cols; c += kWords) {
    Philox::Words(key, first_group + static_cast<uint64_t>(c / kWords), words);
    int64_t n = std::min(kWords, cols - c);
    for (int64_t i = 0; i < n; i++) {
      T kept = words[i] < rule.bound ? static_cast<T>(x[c + i] * scale) : static_cast<T>(0);
      out[c + i] = residual ? static_cast<T>(kept + residual[c + i]) : kept;
    }
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void MaskedRowAvx2(const float* x, const float* residual, float* out, int64_t cols,
                                                   uint64_t first_group, uint64_t key, const KeepRule& rule) {
  const KeepEight keep(rule);
  for (int64_t c = 0; c < cols; c += kWords) {
    __m256i words[4];
    Philox::WordsAvx2(key, first_group + static_cast<uint64_t>(c / kWords), words);
    for (int part = 0; part < 4; part++) {
      int64_t at = c + part * 8, n = std::min<int64_t>(8, cols - at);
      if (n <= 0) break;
      alignas(32) float ends[2][8] = {};  // a line's last elements, filled up
      bool whole = n == 8;
      if (!whole) std::copy(x + at, x + at + n, ends[0]);
      if (!whole && residual) std::copy(residual + at, residual + at + n, ends[1]);
      __m256 y = keep(_mm256_loadu_ps(whole ? x + at : ends[0]), words[part]);
      if (residual) y = _mm256_add_ps(y, _mm256_loadu_ps(whole ? residual + at : ends[1]));
      if (whole) {
        _mm256_storeu_ps(out + at, y);
      } else {
        _mm256_store_ps(ends[0], y);
        std::copy(ends[0], ends[0] + n, out + at);
      }
    }
  }
}
#endif

#if defined(__x86_64__)
void MaskedRow(const float* x, const float* residual, float* out, int64_t cols, uint64_t first_group, uint64_t key,
               const KeepRule& rule) {
  static const bool avx2 = __builtin_cpu_supports("avx2");
  if (avx2) return MaskedRowAvx2(x, residual, out, cols, first_group, key, rule);
  MaskedRow<float>(x, residual, out, cols, first_group, key, rule);
}
#endif

// mask * x (+ residual), row by row.
at::Tensor Masked(const at::Tensor& input, const at::Tensor& residual, const Mask& mask) {
  at::Tensor x = input.contiguous();
  at::Tensor add = residual.defined() ? residual.contiguous() : residual;
  at::Tensor out = at::empty_like(x, at::MemoryFormat::Contiguous);
  if (x.numel() == 0) return out;
  int64_t cols = x.dim() == 0 ? 1 : x.size(-1);
  int64_t rows = x.numel() / cols;
  const int64_t* places = mask.places.defined() ? mask.places.const_data_ptr<int64_t>() : nullptr;
  KeepRule rule(mask.p);
  int64_t groups = (cols + kWords - 1) / kWords;  // each row begins a group of words of its own
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, x.scalar_type(), "dropout", [&] {
    const scalar_t* from = x.const_data_ptr<scalar_t>();
    const scalar_t* plus = add.defined() ? add.const_data_ptr<scalar_t>() : nullptr;
    scalar_t* to = out.mutable_data_ptr<scalar_t>();
    at::parallel_for(0, rows, std::max<int64_t>(1, 16384 / cols), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        uint64_t group = static_cast<uint64_t>((places ? places[row] : row) * groups);
        const scalar_t* also = plus ? plus + row * cols : nullptr;
        MaskedRow(from + row * cols, also, to + row * cols, cols, group, mask.key, rule);
      }
    });
  });
  return out;
}

// Linear in x and in the residual, so that its derivatives of every order are masks again.
class MaskNode : public Function<MaskNode> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const std::optional<at::Tensor>& residual,
                            const Mask& mask) {
    context->saved_data["key"] = static_cast<int64_t>(mask.key);
    context->saved_data["p"] = mask.p;
    context->saved_data["residual"] = residual.has_value();
    if (mask.places.defined()) context->saved_data["places"] = mask.places;
    return Masked(x, residual.value_or(at::Tensor()), mask);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    auto& data = context->saved_data;
    auto places = data.find("places");
    Mask mask{static_cast<uint64_t>(data["key"].toInt()), data["p"].toDouble(),
              places == data.end() ? at::Tensor() : places->second.toTensor()};
    at::Tensor& gradient = gradients[0];
    if (!gradient.defined()) return {at::Tensor(), at::Tensor(), at::Tensor()};
    at::Tensor of_x = context->needs_input_grad(0) ? MaskedWithGradient(gradient, {}, mask) : at::Tensor();
    return {of_x, data["residual"].toBool() ? gradient : at::Tensor(), at::Tensor()};
  }

  static at::Tensor MaskedWithGradient(const at::Tensor& x, const at::Tensor& residual, const Mask& mask) {
    if (HasTangent(x) || HasTangent(residual)) {
      at::Tensor kept = at::mul(x, Masked(at::ones_like(x, x.options().requires_grad(false)), {}, mask));
      return residual.defined() ? at::add(kept, residual) : kept;
    }
    bool graph = at::GradMode::is_enabled() && (x.requires_grad() || (residual.defined() && residual.requires_grad()));
    if (!graph) return Masked(x, residual, mask);
    return apply(x, residual.defined() ? std::optional(residual) : std::nullopt, mask);
  }
};

// dropout(x, p, places, residual) => mask / (1 - p) * x + residual
napi_value DropoutOp(Environment& environment, const Napi::CallbackInfo& info) {
  const at::Tensor& x = environment.Tensor(info[0], "input");
  double p = ToDouble(info.Env(), info[1], "p");
  if (!(p >= 0 && p <= 1)) throw ArgumentFailure{"p", "a probability from 0 to 1", std::to_string(p)};
  if (!x.is_cpu() || !at::isFloatingType(x.scalar_type()))
    throw ArgumentFailure{"input", "a floating tensor on the CPU", DescribeTensor(x)};
  Mask mask{0, p, OptionalTensor(environment, info[2], "places")};
  at::Tensor residual = OptionalTensor(environment, info[3], "residual");
  if (residual.defined() && (residual.sizes() != x.sizes() || residual.scalar_type() != x.scalar_type()))
    throw ArgumentFailure{"residual", "a tensor of the input's shape and dtype", DescribeTensor(residual)};
  int64_t rows = x.numel() == 0 ? 0 : x.numel() / (x.dim() == 0 ? 1 : x.size(-1));
  if (mask.places.defined()) {
    if (mask.places.scalar_type() != at::kLong || mask.places.numel() != rows || !mask.places.is_contiguous())
      throw ArgumentFailure{"places", "int64 [" + std::to_string(rows) + "]", DescribeTensor(mask.places)};
  }
  mask.key = DrawKey(environment);
  return environment.Wrap(environment.RetryOutOfMemory([&] { return MaskNode::MaskedWithGradient(x, residual, mask); }));
}

}  // namespace

void InitDropout(Napi::Object exports) { Export<DropoutOp>(exports, "dropout"); }

}  // namespace bidora
