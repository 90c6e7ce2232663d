// Entry: creates the state of the environment and calls each Init in order, nothing else.
#include <napi.h>

#include <torch/version.h>

#include "environment.h"

namespace bidora {

// initialize({ Tensor, makeError, asyncScope, collectGarbage })
napi_value Initialize(Environment& environment, const Napi::CallbackInfo& info) {
  Napi::Object hooks = info[0].As<Napi::Object>();
  environment.tensor_class = Napi::Persistent(hooks.Get("Tensor").As<Napi::Function>());
  environment.make_error = Napi::Persistent(hooks.Get("makeError").As<Napi::Function>());
  environment.async_scope = Napi::Persistent(hooks.Get("asyncScope").As<Napi::Function>());
  if (hooks.Get("collectGarbage").IsFunction())
    environment.collect_garbage = Napi::Persistent(hooks.Get("collectGarbage").As<Napi::Function>());
  environment.array_buffer = Napi::Persistent(info.Env().Global().Get("ArrayBuffer").As<Napi::Function>());
  return info.Env().Undefined();
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  InstallAllocator();
  auto* environment = new Environment(env);
  // Tensors go while libtorch is still whole; the state itself goes with the environment's instance data.
  napi_add_env_cleanup_hook(env, [](void* data) { static_cast<Environment*>(data)->ReleaseAll(); }, environment);
  napi_set_instance_data(
      env, environment, [](napi_env, void* data, void*) { static_cast<Environment*>(data)->Close(); }, nullptr);
  exports.Set("libtorchVersion", TORCH_VERSION);
  Export<Initialize>(exports, "initialize");
  InitTensor(exports);
  InitTransfer(exports);
  InitDispatch(exports);
  InitAutograd(exports);
  InitAutocast(exports);
  InitCheckpoint(exports);
  InitForward(exports);
  InitScope(exports);
  InitRandom(exports);
  InitDevice(exports);
  InitStorage(exports);
  InitDropout(exports);
  InitFrozenProduct(exports);
  InitAttention(exports);
  InitLora(exports);
  return exports;
}

}  // namespace bidora

static Napi::Object InitModule(Napi::Env env, Napi::Object exports) { return bidora::Init(env, exports); }

NODE_API_MODULE(bidora, InitModule)
