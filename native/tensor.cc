// JavaScript Tensors: wrapping, release, byte accounting, and the sweep that frees what JavaScript has already dropped.
#include <ATen/core/Tensor.h>
#include <c10/util/ScopeExit.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string>
#include <utility>

#include "environment.h"
#include "values.h"

namespace bidora {

namespace {

// Below these nothing is reclaimed by force. Above, a minor collection and a sweep run; whatever stays alive moves the
// mark.
constexpr int64_t kByteWatermark = 256LL << 20;
constexpr int64_t kCountWatermark = 20'000;
// V8 is told of changes in steps, not per tensor: each report may make it consider a collection.
constexpr int64_t kReportStep = 8LL << 20;

// The upper half of the keys of an environment. The top bit is never set in a pointer.
uintptr_t NextTag() {
  static std::atomic<uint32_t> environments{0};
  return static_cast<uintptr_t>(0x80000000u | environments++) << 32;
}
constexpr uintptr_t kIndexMask = 0xffffffffu;

}  // namespace

Environment::Environment(napi_env env)
    : tag_(NextTag()),
      env_(env),
      root_(&scopes_[0]),
      current_(root_),
      byte_watermark_(kByteWatermark),
      count_watermark_(kCountWatermark),
      seed_(c10::detail::getNonDeterministicRandom()) {}

Environment& Environment::From(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

Handle& Environment::TakeHandle() {
  if (free_ == nullptr) {
    auto first = static_cast<uint32_t>(chunks_.size() * kChunk);
    chunks_.push_back(std::make_unique<Handle[]>(kChunk));
    for (uint32_t i = kChunk; i-- > 0;) {
      Handle& handle = HandleAt(first + i);
      handle.index = first + i;
      handle.next = free_;
      free_ = &handle;
    }
  }
  Handle& handle = *free_;
  free_ = handle.next;
  handle.disposed_by_scope = false;
  return handle;
}

void Environment::FreeHandle(Handle& handle) {
  handle.state = Handle::State::kFree;
  handle.reference = nullptr;
  handle.next = free_;
  free_ = &handle;
}

void Environment::Link(Handle& handle, Scope& scope) {
  handle.scope = &scope;
  handle.previous = nullptr;
  handle.next = scope.first;
  if (handle.next) handle.next->previous = &handle;
  scope.first = &handle;
}

void Environment::Unlink(Handle& handle) {
  if (handle.previous)
    handle.previous->next = handle.next;
  else
    handle.scope->first = handle.next;
  if (handle.next) handle.next->previous = handle.previous;
  handle.previous = handle.next = nullptr;
}

// Bytes count once for each distinct storage, however many views share it, as they are when it is first seen: a storage
// may be resized, or exchanged for another, while handles hold it.
void Environment::Account(Handle& handle) {
  counters.live_tensors++;
  if (!handle.tensor.has_storage()) return;
  handle.storage = handle.tensor.storage().unsafeGetStorageImpl();
  Shared& shared = storages_[handle.storage];
  if (shared.handles++ > 0) return;
  // A tensor without memory (on the meta device, or of zeros that nobody has written) holds no bytes.
  shared.bytes = handle.storage->data() == nullptr ? 0 : static_cast<int64_t>(handle.storage->nbytes());
  counters.live_bytes += shared.bytes;
  ReportBytes();
}

void Environment::Unaccount(Handle& handle) {
  counters.live_tensors--;
  if (!handle.storage) return;
  auto found = storages_.find(handle.storage);
  handle.storage = nullptr;
  if (--found->second.handles > 0) return;
  counters.live_bytes -= found->second.bytes;
  storages_.erase(found);
  ReportBytes();
}

void Environment::ReportBytes() {
  int64_t change = counters.live_bytes - reported_bytes_;
  if (closing_ || std::abs(change) < kReportStep) return;
  reported_bytes_ = counters.live_bytes;
  int64_t adjusted = 0;
  napi_adjust_external_memory(env_, change, &adjusted);
}

napi_value Environment::Wrap(at::Tensor tensor) {
  if (!tensor.defined()) {
    napi_value null = nullptr;
    napi_get_null(env_, &null);
    return null;
  }
  if (counters.live_tensors >= count_watermark_ || counters.live_bytes >= byte_watermark_) Reclaim(false);
  Scope& scope = CurrentScope();
  napi_value object = nullptr;
  Check(env_, napi_new_instance(env_, tensor_class.Value(), 0, nullptr, &object));
  Handle& handle = TakeHandle();
  napi_status wrapped = napi_wrap(env_, object, KeyOf(handle), Finalize, this, &handle.reference);
  if (wrapped != napi_ok) {
    FreeHandle(handle);
    Check(env_, wrapped);
  }
  wrapped_++;
  handle.state = Handle::State::kLive;
  handle.tensor = std::move(tensor);
  Link(handle, scope);
  Account(handle);
  counters.created++;
  return object;
}

Handle* Environment::Unwrap(napi_value value) const {
  void* data = nullptr;
  if (napi_unwrap(env_, value, &data) != napi_ok) return nullptr;
  auto key = reinterpret_cast<uintptr_t>(data);
  return (key & ~kIndexMask) == tag_ ? &HandleAt(static_cast<uint32_t>(key & kIndexMask)) : nullptr;
}

Handle& Environment::LiveHandle(napi_value value, const char* argument) const {
  Handle* handle = Unwrap(value);
  if (!handle) throw ArgumentFailure{argument, "a Tensor", Describe(env_, value)};
  if (handle->state == Handle::State::kLive) return *handle;
  throw ArgumentFailure{
      argument, "a live Tensor",
      handle->disposed_by_scope ? "a Tensor that was disposed when its scope ended" : "a Tensor that was disposed"};
}

// Lets go of the tensor. False where it was let go before.
bool Environment::Release(Handle& handle, Handle::State state) {
  if (handle.state != Handle::State::kLive) return false;
  handle.state = state;
  Unlink(handle);
  Unaccount(handle);
  handle.tensor.reset();
  counters.disposed++;
  return true;
}

// The object is gone. Node calls this when the event loop turns, and for all that are left when the environment ends.
void Environment::Finalize(napi_env, void* key, void* data) {
  auto* environment = static_cast<Environment*>(data);
  Handle& handle = environment->HandleAt(static_cast<uint32_t>(reinterpret_cast<uintptr_t>(key) & kIndexMask));
  environment->Release(handle, Handle::State::kDead);
  napi_delete_reference(environment->env_, handle.reference);
  environment->FreeHandle(handle);
  environment->wrapped_--;
  environment->DeleteIfUnused();
}

void Environment::Forget(Mapping* mapping) {
  mappings.erase(mapping);
  DeleteIfUnused();
}

void Environment::ReleaseAll() {
  closing_ = true;
  for (auto& [id, scope] : scopes_)
    while (scope.first) Release(*scope.first, Handle::State::kDead);
  generators_.clear();
  // Here and not with the state: by then Node may have dropped these itself.
  for (Napi::FunctionReference* function : {&tensor_class, &make_error, &async_scope, &collect_garbage, &array_buffer})
    function->Reset();
}

void Environment::Close() {
  closing_ = closed_ = true;
  DeleteIfUnused();
}

void Environment::DeleteIfUnused() {
  if (closed_ && wrapped_ == 0 && mappings.empty()) delete this;
}

// Node-API runs finalizers only when the event loop turns, but a weak reference is empty as soon as V8 has collected
// its object. So tensors that a synchronous loop has dropped are found here, in the same tick.
void Environment::Sweep() {
  counters.sweeps++;
  for (auto& [id, scope] : scopes_) {
    Handle* handle = scope.first;
    while (handle) {
      napi_handle_scope inner = nullptr;
      napi_open_handle_scope(env_, &inner);
      for (int i = 0; i < 1024 && handle; i++) {
        Handle* next = handle->next;
        napi_value object = nullptr;
        napi_status read = napi_get_reference_value(env_, handle->reference, &object);
        if (read == napi_ok && !object && Release(*handle, Handle::State::kDead)) counters.swept++;
        handle = next;
      }
      napi_close_handle_scope(env_, inner);
    }
  }
}

void Environment::Collect(bool minor) {
  napi_value argument = nullptr;
  napi_value undefined = nullptr;
  napi_value ignored = nullptr;
  napi_get_boolean(env_, minor, &argument);
  napi_get_undefined(env_, &undefined);
  Check(env_, napi_call_function(env_, undefined, collect_garbage.Value(), 1, &argument, &ignored));
  Sweep();
}

// Minor collection first: garbage of a loop is young.
void Environment::Reclaim(bool everything) {
  if (reclaiming_ || collect_garbage.IsEmpty()) return;
  reclaiming_ = true;
  auto done = c10::make_scope_exit([this] { reclaiming_ = false; });
  Collect(true);
  bool much = counters.live_tensors > count_watermark_ * 3 / 4 || counters.live_bytes > byte_watermark_ * 3 / 4;
  if (everything || much) Collect(false);
  count_watermark_ = std::max(kCountWatermark, counters.live_tensors * 2);
  byte_watermark_ = std::max(kByteWatermark, counters.live_bytes + counters.live_bytes / 2);
}

namespace {

const at::Tensor& Self(Environment& environment, const Napi::CallbackInfo& info) {
  return environment.Tensor(info[0], "tensor");
}

napi_value IsTensor(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), environment.Unwrap(info[0]) != nullptr);
}

// Live or not.
Handle& AnyHandle(Environment& environment, const Napi::CallbackInfo& info) {
  Handle* handle = environment.Unwrap(info[0]);
  if (!handle) throw ArgumentFailure{"tensor", "a Tensor", Describe(info.Env(), info[0])};
  return *handle;
}

napi_value IsDisposed(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), AnyHandle(environment, info).state != Handle::State::kLive);
}

napi_value Dispose(Environment& environment, const Napi::CallbackInfo& info) {
  Handle& handle = AnyHandle(environment, info);
  return Napi::Boolean::New(info.Env(), environment.Release(handle, Handle::State::kDisposed));
}

napi_value Shape(Environment& environment, const Napi::CallbackInfo& info) {
  at::IntArrayRef sizes = Self(environment, info).sizes();
  return NumberArray(info.Env(), sizes.data(), sizes.size());
}

napi_value Strides(Environment& environment, const Napi::CallbackInfo& info) {
  at::IntArrayRef strides = Self(environment, info).strides();
  return NumberArray(info.Env(), strides.data(), strides.size());
}

napi_value Dtype(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), DtypeName(Self(environment, info).scalar_type()));
}

napi_value DeviceOf(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), Self(environment, info).device().str());
}

napi_value Numel(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(Self(environment, info).numel()));
}

napi_value Version(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(Self(environment, info)._version()));
}

napi_value RequiresGrad(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), Self(environment, info).requires_grad());
}

napi_value SetRequiresGrad(Environment& environment, const Napi::CallbackInfo& info) {
  Self(environment, info).set_requires_grad(info[1].ToBoolean().Value());
  return info.Env().Undefined();
}

napi_value IsLeaf(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), Self(environment, info).is_leaf());
}

napi_value IsContiguous(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), Self(environment, info).is_contiguous());
}

// Whether two tensors share one storage (tied weights, views).
napi_value SharesStorage(Environment& environment, const Napi::CallbackInfo& info) {
  const at::Tensor& a = environment.Tensor(info[0], "a");
  const at::Tensor& b = environment.Tensor(info[1], "b");
  bool shared =
      a.has_storage() && b.has_storage() && a.storage().unsafeGetStorageImpl() == b.storage().unsafeGetStorageImpl();
  return Napi::Boolean::New(info.Env(), shared);
}

napi_value Counters(Environment& environment, const Napi::CallbackInfo& info) {
  const MemoryCounters& counters = environment.counters;
  Napi::Object result = Napi::Object::New(info.Env());
  auto set = [&](const char* name, int64_t value) { result.Set(name, static_cast<double>(value)); };
  set("liveTensors", counters.live_tensors);
  set("liveBytes", counters.live_bytes);
  set("created", counters.created);
  set("disposed", counters.disposed);
  set("swept", counters.swept);
  set("sweeps", counters.sweeps);
  set("reportedBytes", environment.ReportedBytes());
  set("cachedBytes", AllocatorCachedBytes());
  set("usedBytes", AllocatorUsedBytes());
  set("peakUsedBytes", AllocatorPeakBytes());
  set("openScopes", static_cast<int64_t>(environment.OpenScopes()));
  return result;
}

napi_value ResetPeak(Environment&, const Napi::CallbackInfo& info) {
  ResetAllocatorPeak();
  return info.Env().Undefined();
}

napi_value ReclaimNow(Environment& environment, const Napi::CallbackInfo& info) {
  environment.Reclaim(true);
  TrimAllocator();
  return info.Env().Undefined();
}

}  // namespace

void InitTensor(Napi::Object exports) {
  Export<IsTensor>(exports, "isTensor");
  Export<IsDisposed>(exports, "isDisposed");
  Export<Dispose>(exports, "dispose");
  Export<Shape>(exports, "shape");
  Export<Strides>(exports, "strides");
  Export<Dtype>(exports, "dtype");
  Export<DeviceOf>(exports, "device");
  Export<Numel>(exports, "numel");
  Export<Version>(exports, "version");
  Export<RequiresGrad>(exports, "requiresGrad");
  Export<SetRequiresGrad>(exports, "setRequiresGrad");
  Export<IsLeaf>(exports, "isLeaf");
  Export<IsContiguous>(exports, "isContiguous");
  Export<SharesStorage>(exports, "sharesStorage");
  Export<Counters>(exports, "counters");
  Export<ReclaimNow>(exports, "reclaim");
  Export<ResetPeak>(exports, "resetPeak");
}

}  // namespace bidora
