// Generators of this environment. libtorch's default ones belong to the process, and two workers would disturb each other.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <cstring>
#include <mutex>

#include "convert.h"
#include "environment.h"

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

napi_value ManualSeed(Environment& environment, const Napi::CallbackInfo& info) {
  environment.Seed(static_cast<uint64_t>(ToInt64(info.Env(), info[0], "seed")));
  return info.Env().Undefined();
}

napi_value GetRngState(Environment& environment, const Napi::CallbackInfo& info) {
  at::Generator& generator = environment.GeneratorFor(DeviceFromName(info[0].ToString(), "device"));
  std::lock_guard<std::mutex> lock(generator.mutex());
  at::Tensor state = generator.get_state();
  Napi::Uint8Array bytes = Napi::Uint8Array::New(info.Env(), static_cast<size_t>(state.numel()));
  std::memcpy(bytes.Data(), state.const_data_ptr(), static_cast<size_t>(state.numel()));
  return bytes;
}

napi_value SetRngState(Environment& environment, const Napi::CallbackInfo& info) {
  if (!info[0].IsTypedArray()) throw ArgumentFailure{"state", "the bytes of getRngState", Describe(info.Env(), info[0])};
  Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  at::Generator& generator = environment.GeneratorFor(DeviceFromName(info[1].ToString(), "device"));
  std::lock_guard<std::mutex> lock(generator.mutex());
  at::Tensor state = at::empty({static_cast<int64_t>(bytes.ByteLength())}, at::kByte);
  if (bytes.ByteLength() > 0) std::memcpy(state.mutable_data_ptr(), bytes.Data(), bytes.ByteLength());
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
