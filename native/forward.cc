// Forward-mode derivatives: tensors that carry a tangent while a function runs (libtorch's dual numbers).
#include <ATen/SequenceNumber.h>
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <c10/core/AutogradState.h>
#include <torch/csrc/autograd/forward_grad.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <unordered_set>
#include <utility>
#include <vector>

#include "environment.h"
#include "values.h"

namespace bidora {

namespace {

using torch::autograd::ForwardADLevel;

// libtorch keeps its levels for the whole process and allows one of them, so that threads take turns.
std::mutex turn;

// Whether tangents are seen on this thread. Returns what was so before.
bool SeeTangents(bool enabled) {
  c10::AutogradState& state = c10::AutogradState::get_tls_state();
  bool before = state.get_fw_grad_mode();
  state.set_fw_grad_mode(enabled);
  return before;
}

// The one level. Its end takes every tangent off every tensor that still has one, whatever way the level is left: a
// C++ exception, one of JavaScript, or a worker that is being terminated.
class Level {
 public:
  explicit Level(Environment& environment) : environment_(environment), lock_(turn) {
    index_ = ForwardADLevel::get_next_idx();
    environment_.in_forward_mode = true;
    environment_.forward_since = at::sequence_number::peek();
    before_ = SeeTangents(true);  // a call inside noGrad records no graph, and has its tangents all the same
    // A weight that autocast cast outside has no tangent, and one that it cast inside keeps none.
    at::autocast::clear_cache();
  }
  ~Level() {
    at::autocast::clear_cache();
    SeeTangents(before_);
    environment_.in_forward_mode = false;
    ForwardADLevel::release_idx(index_);
  }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

  uint64_t index() const { return index_; }

 private:
  Environment& environment_;
  std::lock_guard<std::mutex> lock_;
  uint64_t index_ = 0;
  bool before_ = true;
};

std::vector<at::Tensor> Tensors(Environment& environment, napi_value list, const char* argument) {
  std::vector<at::Tensor> result;
  for (uint32_t i = 0, n = ArrayLength(environment.env(), list, argument, "an array of Tensors"); i < n; i++)
    result.push_back(environment.Tensor(ArrayElement(environment.env(), list, i), argument));
  return result;
}

// forwardMode(primals, tangents, fn): each primal carries its tangent while fn() runs, which gives an array of Tensors.
// => their tangents, null for one that has none
napi_value ForwardMode(Environment& environment, const Napi::CallbackInfo& info) {
  napi_env env = info.Env();
  std::vector<at::Tensor> primals = Tensors(environment, info[0], "primals");
  std::vector<at::Tensor> tangents = Tensors(environment, info[1], "tangents");
  if (primals.size() != tangents.size())
    throw ArgumentFailure{"tangents", "one for each primal", std::to_string(tangents.size())};
  if (!info[2].IsFunction()) throw ArgumentFailure{"fn", "a function", Describe(env, info[2])};
  if (environment.in_forward_mode) throw ArgumentFailure{"fn", "a call outside forward mode", "one inside it"};

  RegisterForwardRules();
  Level level(environment);
  for (size_t i = 0; i < primals.size(); i++) {
    if (primals[i]._fw_grad(level.index()).defined()) throw ArgumentFailure{"primals", "each once", "one twice"};
    // A copy: an operator that changes the primal in place changes its tangent too.
    primals[i]._set_fw_grad(tangents[i].clone(), level.index(), /*is_inplace_op=*/false);
  }
  napi_value undefined = nullptr;
  napi_value outputs = nullptr;
  Check(env, napi_get_undefined(env, &undefined));
  Check(env, napi_call_function(env, undefined, info[2], 0, nullptr, &outputs));

  std::vector<at::Tensor> values = Tensors(environment, outputs, "what fn returns");
  napi_value result = nullptr;
  Check(env, napi_create_array_with_length(env, values.size(), &result));
  for (size_t i = 0; i < values.size(); i++) {
    at::Tensor tangent = values[i]._fw_grad(level.index());
    // Zeros that nobody has written have no memory; what is returned has.
    if (tangent.defined() && tangent._is_zerotensor()) tangent = tangent.clone();
    Check(env, napi_set_element(env, result, static_cast<uint32_t>(i), environment.Wrap(std::move(tangent))));
  }
  return result;
}

napi_value IsForwardMode(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), environment.in_forward_mode);
}

// setTangentsSeen(enabled) => what was so before. Where they are not, what is computed is a constant: `noGrad` means
// that here, unlike PyTorch's no_grad, so that `jvp` and `grad` differentiate one function.
napi_value SetTangentsSeen(Environment&, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), SeeTangents(info[0].ToBoolean().Value()));
}

// madeBefore(output, primals): whether the graph of `output` leads to one of the leaves `primals` through a node that
// was there before forward mode began. Such a part has a gradient but no tangent.
napi_value MadeBefore(Environment& environment, const Napi::CallbackInfo& info) {
  using torch::autograd::AccumulateGrad;
  using torch::autograd::Node;
  at::Tensor output = environment.Tensor(info[0], "output");
  std::vector<at::Tensor> primals = Tensors(environment, info[1], "primals");
  uint64_t thread = at::RecordFunction::currentThreadId();  // the numbers of nodes are each thread's own
  std::unordered_set<const Node*> seen[2];                  // [on a way with an older node]
  std::vector<std::pair<Node*, bool>> open;
  auto visit = [&](Node* node, bool older) {
    if (node && seen[older].insert(node).second) open.emplace_back(node, older);
  };
  visit(output.grad_fn().get(), false);
  while (!open.empty()) {
    auto [node, older] = open.back();
    open.pop_back();
    if (auto* leaf = dynamic_cast<AccumulateGrad*>(node)) {
      auto is_leaf = [&](const at::Tensor& primal) { return primal.is_same(leaf->variable); };
      if (older && std::any_of(primals.begin(), primals.end(), is_leaf)) return Napi::Boolean::New(info.Env(), true);
      continue;
    }
    bool before = node->thread_id() == thread && node->sequence_nr() < environment.forward_since;
    for (const auto& edge : node->next_edges()) visit(edge.function.get(), older || before);
  }
  return Napi::Boolean::New(info.Env(), false);
}

// Whether an operator on this tensor would carry a tangent on; never in a part that is held constant (noGrad).
napi_value HasTangent(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), environment.Tensor(info[0], "tensor")._fw_grad(0).defined());
}

}  // namespace

void InitForward(Napi::Object exports) {
  Export<ForwardMode>(exports, "forwardMode");
  Export<IsForwardMode>(exports, "isForwardMode");
  Export<SetTangentsSeen>(exports, "setTangentsSeen");
  Export<HasTangent>(exports, "hasTangent");
  Export<MadeBefore>(exports, "madeBefore");
}

}  // namespace bidora
