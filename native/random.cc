// Generators of this environment. libtorch's default ones belong to the process, and two workers would disturb each
// other.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "bytes.h"
#include "environment.h"
#include "values.h"

namespace bidora {

at::Generator& Environment::GeneratorFor(const at::Device& device) {
  int index = device.is_cuda() ? std::max<int>(device.index(), 0) : -1;
  auto found = generators_.find(index);
  if (found == generators_.end()) {
    at::Generator generator = device.is_cuda()
                                  ? at::detail::getCUDAHooks().getNewGenerator(static_cast<c10::DeviceIndex>(index))
                                  : at::make_generator<at::CPUGeneratorImpl>(seed_);
    generator.set_current_seed(seed_);
    found = generators_.emplace(index, std::move(generator)).first;
  }
  return found->second;
}

void Environment::Seed(uint64_t seed) {
  seed_ = seed;
  for (auto& [index, generator] : generators_) {
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(seed);
  }
}

namespace {

at::Generator& Generator(Environment& environment, const Napi::Value& name) {
  at::Device device = ToDevice(name.Env(), name, "device");
  if (device.is_meta()) throw ArgumentFailure{"device", "one with a generator", "'meta'"};
  return environment.GeneratorFor(device);
}

napi_value ManualSeed(Environment& environment, const Napi::CallbackInfo& info) {
  environment.Seed(static_cast<uint64_t>(ToInt64(info.Env(), info[0], "seed")));
  return info.Env().Undefined();
}

napi_value GetRngState(Environment& environment, const Napi::CallbackInfo& info) {
  at::Generator& generator = Generator(environment, info[0]);
  at::Tensor state;
  {
    std::lock_guard<std::mutex> lock(generator.mutex());
    state = generator.get_state();
  }
  Napi::Uint8Array bytes = Napi::Uint8Array::New(info.Env(), state.nbytes());
  std::memcpy(bytes.Data(), state.const_data_ptr(), state.nbytes());
  return bytes;
}

napi_value SetRngState(Environment& environment, const Napi::CallbackInfo& info) {
  at::Generator& generator = Generator(environment, info[1]);
  Bytes bytes = ToBytesView(info.Env(), info[0], "state");
  at::Tensor state = at::empty({static_cast<int64_t>(bytes.length)}, at::kByte);
  if (bytes.length > 0) std::memcpy(state.mutable_data_ptr(), bytes.data, bytes.length);
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(state);
  return info.Env().Undefined();
}

}  // namespace

void InitRandom(Napi::Object exports) {
  Export<ManualSeed>(exports, "manualSeed");
  Export<GetRngState>(exports, "getRngState");
  Export<SetRngState>(exports, "setRngState");
}

}  // namespace bidora
