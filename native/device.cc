// Devices, threads and the switches of the process, without any CUDA header.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>

#include "environment.h"
#include "values.h"

namespace bidora {

namespace {

c10::Device CudaDevice(const Napi::CallbackInfo& info) {
  c10::Device device = ToDevice(info.Env(), info[0], "device");
  if (!device.is_cuda()) throw ArgumentFailure{"device", "a CUDA device", "'" + device.str() + "'"};
  int count = at::detail::getCUDAHooks().deviceCount();
  if (device.index() >= count)
    throw ArgumentFailure{"device", "one of " + std::to_string(count), "'" + device.str() + "'"};
  return device.has_index() ? device : c10::Device(c10::kCUDA, 0);
}

napi_value CudaIsBuilt(Environment&, const Napi::CallbackInfo& info) {
  // True where libtorch_cuda is loaded, with or without a driver.
  return Napi::Boolean::New(info.Env(), at::detail::getCUDAHooks().hasCUDART());
}

napi_value CudaDeviceCount(Environment&, const Napi::CallbackInfo& info) {
  int count = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  return Napi::Number::New(info.Env(), count);
}

napi_value CudaSynchronize(Environment&, const Napi::CallbackInfo& info) {
  at::detail::getCUDAHooks().deviceSynchronize(CudaDevice(info).index());  // sync
  return info.Env().Undefined();
}

// { allocatedBytes, peakAllocatedBytes, reservedBytes, peakReservedBytes, freeBytes, totalBytes }
napi_value CudaMemory(Environment&, const Napi::CallbackInfo& info) {
  c10::Device device = CudaDevice(info);
  c10::DeviceAllocator* allocator = c10::getDeviceAllocator(c10::kCUDA);
  auto stats = allocator->getDeviceStats(device.index());
  auto [free_bytes, total_bytes] = allocator->getMemoryInfo(device.index());
  constexpr size_t kAggregate = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("allocatedBytes", static_cast<double>(stats.allocated_bytes[kAggregate].current));
  result.Set("peakAllocatedBytes", static_cast<double>(stats.allocated_bytes[kAggregate].peak));
  result.Set("reservedBytes", static_cast<double>(stats.reserved_bytes[kAggregate].current));
  result.Set("peakReservedBytes", static_cast<double>(stats.reserved_bytes[kAggregate].peak));
  result.Set("freeBytes", static_cast<double>(free_bytes));
  result.Set("totalBytes", static_cast<double>(total_bytes));
  return result;
}

napi_value CudaResetPeak(Environment&, const Napi::CallbackInfo& info) {
  c10::getDeviceAllocator(c10::kCUDA)->resetPeakStats(CudaDevice(info).index());
  return info.Env().Undefined();
}

napi_value CudaEmptyCache(Environment&, const Napi::CallbackInfo& info) {
  at::globalContext().lazyInitDevice(c10::kCUDA);
  c10::getDeviceAllocator(c10::kCUDA)->emptyCache();
  return info.Env().Undefined();
}

napi_value SetNumThreads(Environment&, const Napi::CallbackInfo& info) {
  int64_t count = ToInt64(info.Env(), info[0], "threads");
  if (count < 1 || count > 4096) throw ArgumentFailure{"threads", "1 to 4096", std::to_string(count)};
  at::set_num_threads(static_cast<int>(count));
  return info.Env().Undefined();
}

napi_value GetNumThreads(Environment&, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), at::get_num_threads());
}

napi_value SetDeterministic(Environment&, const Napi::CallbackInfo& info) {
  at::globalContext().setDeterministicAlgorithms(info[0].ToBoolean().Value(), false);
  return info.Env().Undefined();
}

napi_value IsDeterministic(Environment&, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), at::globalContext().deterministicAlgorithms());
}

}  // namespace

void InitDevice(Napi::Object exports) {
  Export<CudaIsBuilt>(exports, "cudaIsBuilt");
  Export<CudaDeviceCount>(exports, "cudaDeviceCount");
  Export<CudaSynchronize>(exports, "cudaSynchronize");
  Export<CudaMemory>(exports, "cudaMemory");
  Export<CudaResetPeak>(exports, "cudaResetPeak");
  Export<CudaEmptyCache>(exports, "cudaEmptyCache");
  Export<SetNumThreads>(exports, "setNumThreads");
  Export<GetNumThreads>(exports, "getNumThreads");
  Export<SetDeterministic>(exports, "setDeterministic");
  Export<IsDeterministic>(exports, "isDeterministic");
}

}  // namespace bidora
