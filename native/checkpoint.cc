// Gradient checkpointing: a node of the graph whose backward calls JavaScript, which computes a part of the forward
// pass again and gives its gradients. It runs on the thread of its environment: `grad` keeps the whole backward there
// while such nodes are alive.
#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <c10/util/ScopeExit.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "environment.h"
#include "values.h"

namespace bidora {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The JavaScript function of one node: (cotangent, inputs, which gradients are needed) => gradients or null, in the
// order of the inputs.
class Recompute final : public torch::CustomClassHolder {
 public:
  Recompute(Environment& environment, napi_value function) : environment_(environment) {
    Check(environment.env(), napi_create_reference(environment.env(), function, 1, &function_));
    environment.checkpoints++;
  }

  ~Recompute() override {
    if (std::this_thread::get_id() != thread_) return;  // cannot be: better a function too many than a crash
    napi_delete_reference(environment_.env(), function_);
    environment_.checkpoints--;
  }

  // libtorch's engine is whole only after exceptions of the standard kind. Where JavaScript has thrown, its exception
  // stays pending and is what the caller of `grad` gets.
  variable_list Run(const at::Tensor& cotangent, const variable_list& inputs, const std::vector<bool>& needed) {
    if (std::this_thread::get_id() != thread_)
      throw std::runtime_error("checkpoint: expected the backward on the thread of its environment");
    try {
      return Call(cotangent, inputs, needed);
    } catch (const PendingException&) {
      throw std::runtime_error("checkpoint: the function has thrown");
    } catch (const ArgumentFailure& failure) {
      throw std::runtime_error("checkpoint: expected " + failure.expected + " for " + failure.argument + ", got " +
                               failure.got);
    }
  }

 private:
  variable_list Call(const at::Tensor& cotangent, const variable_list& inputs, const std::vector<bool>& needed) {
    Napi::Env env(environment_.env());
    Napi::HandleScope handles(env);
    // Whatever is made meanwhile ends here.
    int64_t scope = environment_.OpenScope();
    int64_t before = environment_.EnterScope(scope);
    auto leave = c10::make_scope_exit([&] {
      environment_.EnterScope(before);
      environment_.CloseScope(scope, {});
    });
    napi_value arguments[] = {
        environment_.Wrap(cotangent), Array(inputs.size(), [&](size_t i) { return environment_.Wrap(inputs[i]); }),
        Array(needed.size(), [&](size_t i) -> napi_value { return Napi::Boolean::New(env, needed[i]); })};
    napi_value function = nullptr;
    napi_value result = nullptr;
    Check(env, napi_get_reference_value(env, function_, &function));
    Check(env, napi_call_function(env, env.Undefined(), function, 3, arguments, &result));
    variable_list gradients(inputs.size());
    for (uint32_t i = 0; i < gradients.size(); i++) {
      Napi::Value gradient(env, ArrayElement(env, result, i));
      if (!gradient.IsNull()) gradients[i] = environment_.Tensor(gradient, "gradient");
    }
    return gradients;
  }

  template <typename Element>
  napi_value Array(size_t count, Element&& element) {
    napi_env env = environment_.env();
    napi_value array = nullptr;
    Check(env, napi_create_array_with_length(env, count, &array));
    for (size_t i = 0; i < count; i++) Check(env, napi_set_element(env, array, static_cast<uint32_t>(i), element(i)));
    return array;
  }

  Environment& environment_;
  napi_ref function_ = nullptr;
  std::thread::id thread_ = std::this_thread::get_id();
};

// What the forward gives, under a type that libtorch does not take for an input.
struct Made {
  at::Tensor output;
  c10::intrusive_ptr<Recompute> recompute;
};

struct Checkpointed : torch::autograd::Function<Checkpointed> {
  static at::Tensor forward(AutogradContext* context, at::TensorList inputs, const Made& made) {
    context->save_for_backward(inputs.vec());  // their versions are checked, too
    context->saved_data["recompute"] = c10::IValue::make_capsule(made.recompute);
    return made.output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& cotangents) {
    auto capsule = context->saved_data.at("recompute").toCapsule();
    variable_list inputs = context->get_saved_variables();
    std::vector<bool> needed;
    for (size_t i = 0; i < inputs.size(); i++) needed.push_back(context->needs_input_grad(i));
    variable_list gradients = static_cast<Recompute&>(*capsule).Run(cotangents[0], inputs, needed);
    gradients.emplace_back();  // for `made`
    return gradients;
  }
};

// checkpoint(output, inputs, recompute) => the output as a function of the inputs
napi_value Checkpoint(Environment& environment, const Napi::CallbackInfo& info) {
  variable_list inputs;
  for (uint32_t i = 0, n = ArrayLength(info.Env(), info[1], "inputs", "an array of Tensors"); i < n; i++)
    inputs.push_back(environment.Tensor(ArrayElement(info.Env(), info[1], i), "inputs"));
  if (!info[2].IsFunction()) throw ArgumentFailure{"recompute", "a function", Describe(info.Env(), info[2])};
  Made made{environment.Tensor(info[0], "output"), c10::make_intrusive<Recompute>(environment, info[2])};
  at::TensorList list(inputs);
  return environment.Wrap(Checkpointed::apply(list, made));
}

}  // namespace

void InitCheckpoint(Napi::Object exports) { Export<Checkpoint>(exports, "checkpoint"); }

}  // namespace bidora
