// JavaScript Tensors: wrapping, release, byte accounting, and the sweep that frees what JavaScript has already dropped.
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <string>

#include "convert.h"
#include "environment.h"

namespace bidora {

namespace {

// Below these nothing is reclaimed by force. Above, a minor collection and a sweep run; whatever stays alive moves the mark.
constexpr int64_t kByteWatermark = 256LL << 20;
constexpr int64_t kCountWatermark = 20'000;
// V8 is told of changes in steps, not per tensor: each report may make it consider a collection.
constexpr int64_t kReportStep = 8LL << 20;

void FinalizeHandle(napi_env, void* data, void*) {
  auto* handle = static_cast<Handle*>(data);
  handle->environment->Finalize(handle);
}

}  // namespace

Environment::Environment(napi_env env)
    : env_(env), byte_watermark_(kByteWatermark), count_watermark_(kCountWatermark), seed_(c10::detail::getNonDeterministicRandom()) {
  scopes_.emplace(0, Scope{});
  handles_.reserve(4096);
}

Environment::~Environment() = default;

Environment& Environment::From(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

void Environment::Link(Handle* handle, uint32_t scope) {
  auto found = scopes_.find(scope);
  if (found == scopes_.end()) found = scopes_.find(0);
  handle->scope = found->first;
  handle->previous = nullptr;
  handle->next = found->second.first;
  if (handle->next) handle->next->previous = handle;
  found->second.first = handle;
}

void Environment::Unlink(Handle* handle) {
  if (handle->previous) {
    handle->previous->next = handle->next;
  } else {
    scopes_[handle->scope].first = handle->next;
  }
  if (handle->next) handle->next->previous = handle->previous;
  handle->previous = handle->next = nullptr;
}

// Bytes count once for each distinct storage, however many views share it.
void Environment::Account(Handle* handle) {
  counters.live_tensors++;
  if (!handle->tensor.has_storage()) return;
  handle->storage = handle->tensor.storage().unsafeGetStorageImpl();
  if (storages_[handle->storage]++ == 0) {
    counters.live_bytes += static_cast<int64_t>(handle->storage->nbytes());
    ReportBytes();
  }
}

void Environment::Unaccount(Handle* handle) {
  counters.live_tensors--;
  if (!handle->storage) return;
  auto found = storages_.find(handle->storage);
  if (--found->second == 0) {
    counters.live_bytes -= static_cast<int64_t>(handle->storage->nbytes());
    storages_.erase(found);
    ReportBytes();
  }
  handle->storage = nullptr;
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
    napi_value null;
    napi_get_null(env_, &null);
    return null;
  }
  if (!reclaiming_ && (counters.live_tensors >= count_watermark_ || counters.live_bytes >= byte_watermark_)) Reclaim(false);
  napi_value constructor = tensor_class.Value();
  napi_value object = nullptr;
  if (napi_new_instance(env_, constructor, 0, nullptr, &object) != napi_ok) throw PendingException();
  auto* handle = new Handle;
  handle->environment = this;
  handle->tensor = std::move(tensor);
  if (napi_wrap(env_, object, handle, FinalizeHandle, nullptr, &handle->reference) != napi_ok) {
    delete handle;
    throw PendingException();
  }
  handles_.insert(handle);
  Link(handle, CurrentScope());
  Account(handle);
  counters.created++;
  return object;
}

Handle* Environment::Unwrap(napi_value value) const {
  void* data = nullptr;
  // An object wrapped by another addon unwraps too; only pointers that were wrapped here are handles.
  if (napi_unwrap(env_, value, &data) != napi_ok) return nullptr;
  auto* handle = static_cast<Handle*>(data);
  return handles_.count(handle) ? handle : nullptr;
}

const at::Tensor& Environment::Tensor(napi_value value, const char* argument) const {
  Handle* handle = Unwrap(value);
  if (!handle) throw ArgumentFailure{argument, "a Tensor", Describe(env_, value)};
  if (handle->state != Handle::State::kLive) {
    throw ArgumentFailure{argument, "a live Tensor",
                          handle->disposed_by_scope ? "a Tensor that was disposed when its scope ended" : "a Tensor that was disposed"};
  }
  return handle->tensor;
}

// Lets go of the tensor. False where it was let go before.
bool Environment::Release(Handle* handle, Handle::State state) {
  if (handle->state != Handle::State::kLive) return false;
  handle->state = state;
  Unlink(handle);
  Unaccount(handle);
  handle->tensor.reset();
  counters.disposed++;
  return true;
}

void Environment::Finalize(Handle* handle) {
  Release(handle, Handle::State::kDead);
  handles_.erase(handle);
  if (handle->reference && !closing_) napi_delete_reference(env_, handle->reference);
  delete handle;
  DeleteIfUnused();
}

void Environment::Forget(Mapping* mapping) {
  mappings.erase(mapping);
  DeleteIfUnused();
}

void Environment::ReleaseAll() {
  closing_ = true;
  for (Handle* handle : handles_) Release(handle, Handle::State::kDead);
  generators_.clear();
}

void Environment::Close() {
  closing_ = closed_ = true;
  DeleteIfUnused();
}

void Environment::DeleteIfUnused() {
  if (closed_ && handles_.empty() && mappings.empty()) delete this;
}

// Node-API runs finalizers only when the event loop turns, but a weak reference is empty as soon as V8 has collected its
// object. So tensors that a synchronous loop has dropped are found here, in the same tick.
void Environment::Sweep() {
  counters.sweeps++;
  for (auto& [id, scope] : scopes_) {
    Handle* handle = scope.first;
    while (handle) {
      napi_handle_scope inner;
      napi_open_handle_scope(env_, &inner);
      for (int i = 0; i < 1024 && handle; i++) {
        Handle* next = handle->next;
        napi_value object = nullptr;
        napi_get_reference_value(env_, handle->reference, &object);
        if (!object && Release(handle, Handle::State::kDead)) counters.swept++;
        handle = next;
      }
      napi_close_handle_scope(env_, inner);
    }
  }
}

// Minor collection first: garbage of a loop is young. `everything` forces the major one too (out of memory).
void Environment::Reclaim(bool everything) {
  if (reclaiming_ || collect_garbage.IsEmpty()) return;
  reclaiming_ = true;
  auto collect = [this](bool minor) {
    napi_value argument = nullptr;
    napi_get_boolean(env_, minor, &argument);
    napi_value undefined = nullptr;
    napi_get_undefined(env_, &undefined);
    napi_value ignored = nullptr;
    if (napi_call_function(env_, undefined, collect_garbage.Value(), 1, &argument, &ignored) != napi_ok) {
      reclaiming_ = false;
      throw PendingException();
    }
    Sweep();
  };
  collect(true);
  if (everything || counters.live_tensors > count_watermark_ * 3 / 4 || counters.live_bytes > byte_watermark_ * 3 / 4) collect(false);
  count_watermark_ = std::max(kCountWatermark, counters.live_tensors * 2);
  byte_watermark_ = std::max(kByteWatermark, counters.live_bytes + counters.live_bytes / 2);
  reclaiming_ = false;
}

namespace {

const at::Tensor& Self(Environment& environment, const Napi::CallbackInfo& info) { return environment.Tensor(info[0], "tensor"); }

napi_value IsTensor(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), environment.Unwrap(info[0]) != nullptr);
}

napi_value IsDisposed(Environment& environment, const Napi::CallbackInfo& info) {
  Handle* handle = environment.Unwrap(info[0]);
  if (!handle) throw ArgumentFailure{"tensor", "a Tensor", Describe(info.Env(), info[0])};
  return Napi::Boolean::New(info.Env(), handle->state != Handle::State::kLive);
}

napi_value Dispose(Environment& environment, const Napi::CallbackInfo& info) {
  Handle* handle = environment.Unwrap(info[0]);
  if (!handle) throw ArgumentFailure{"tensor", "a Tensor", Describe(info.Env(), info[0])};
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
  bool shared = a.has_storage() && b.has_storage() && a.storage().unsafeGetStorageImpl() == b.storage().unsafeGetStorageImpl();
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
  set("openScopes", static_cast<int64_t>(environment.OpenScopes()));
  return result;
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
}

}  // namespace bidora
