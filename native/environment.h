// The state of one JavaScript environment (the main thread or a worker). There are no globals: several environments may
// load the addon in one process.
#pragma once

#include <napi.h>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "error.h"

namespace bidora {

// One JavaScript Tensor. It sits in exactly one scope's list while its tensor is held.
struct Handle {
  enum class State : uint8_t {
    kLive,      // holds a tensor
    kDisposed,  // released by dispose() or a scope; JavaScript may still hold the object
    kDead,      // JavaScript has collected the object; the finalizer has not run yet
  };
  at::Tensor tensor;
  c10::StorageImpl* storage = nullptr;  // key of the byte accounting
  napi_ref reference = nullptr;         // weak
  Environment* environment = nullptr;
  Handle* previous = nullptr;
  Handle* next = nullptr;
  uint32_t scope = 0;
  State state = State::kLive;
  uint8_t disposed_by_scope = 0;
};

// A list of handles that end together. Scope 0 is the root and never closes.
struct Scope {
  uint32_t parent = 0;
  Handle* first = nullptr;
};

// A file mapped into memory (storage.cc).
struct Mapping;

struct MemoryCounters {
  int64_t live_tensors = 0;
  int64_t live_bytes = 0;
  int64_t created = 0;
  int64_t disposed = 0;
  int64_t swept = 0;
  int64_t sweeps = 0;
};

class Environment {
 public:
  explicit Environment(napi_env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  static Environment& From(napi_env env);

  napi_env env() const { return env_; }

  // --- handles (tensor.cc)
  napi_value Wrap(at::Tensor tensor);
  Handle* Unwrap(napi_value value) const;  // nullptr where the value is no Tensor
  // The tensor behind a value; throws ArgumentFailure where it is none or was disposed.
  const at::Tensor& Tensor(napi_value value, const char* argument) const;
  bool Release(Handle* handle, Handle::State state);
  void Finalize(Handle* handle);
  void ReleaseAll();

  // --- reclaiming (tensor.cc)
  void Sweep();
  void Reclaim(bool everything);

  // --- scopes (scope.cc)
  uint32_t OpenScope(uint32_t parent);
  void CloseScope(uint32_t id, const std::vector<Handle*>& kept);
  uint32_t EnterScope(uint32_t id);
  uint32_t CurrentScope();
  void MoveToScope(Handle* handle, uint32_t id);
  uint32_t ParentOf(uint32_t id) const;
  int64_t ReportedBytes() const { return reported_bytes_; }
  size_t OpenScopes() const { return scopes_.size() - 1; }
  int async_scopes = 0;

  // --- random (random.cc)
  at::Generator& GeneratorFor(const at::Device& device);
  void Seed(uint64_t seed);

  // --- given by JavaScript at initialisation
  Napi::FunctionReference tensor_class;
  Napi::FunctionReference make_error;
  Napi::FunctionReference async_scope;  // () => id of the scope of the current asynchronous context, or 0
  Napi::FunctionReference collect_garbage;

  MemoryCounters counters;

  // --- mapped files (storage.cc)
  std::unordered_set<Mapping*> mappings;
  void Forget(Mapping* mapping);

  // The environment ends: the state goes now, or with the last finalizer that still needs it.
  void Close();

 private:
  void Link(Handle* handle, uint32_t scope);
  void Unlink(Handle* handle);
  void Account(Handle* handle);
  void Unaccount(Handle* handle);
  void ReportBytes();
  void DeleteIfUnused();

  napi_env env_;
  bool closing_ = false;  // tensors are gone, nothing more is reported to V8
  bool closed_ = false;   // Node has let go of the instance data
  std::unordered_set<Handle*> handles_;  // every pointer that was ever wrapped and not yet finalized
  std::unordered_map<uint32_t, Scope> scopes_;
  std::unordered_map<c10::StorageImpl*, int64_t> storages_;  // how many live handles share each storage
  uint32_t next_scope_ = 1;
  uint32_t current_scope_ = 0;
  int64_t reported_bytes_ = 0;
  int64_t byte_watermark_;
  int64_t count_watermark_;
  bool reclaiming_ = false;
  uint64_t seed_;
  std::unordered_map<int, at::Generator> generators_;  // by device index, -1 for the CPU
};

using Entry = napi_value (*)(Environment&, const Napi::CallbackInfo&);

// Wraps an entry of the addon in the guard.
template <Entry entry>
Napi::Value Guarded(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::From(info.Env());
  napi_value result = Guard(environment, [&] { return entry(environment, info); }, [](Failure&) {});
  return Napi::Value(info.Env(), result);
}

template <Entry entry>
void Export(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<Guarded<entry>>(exports.Env(), name));
}

// The allocator of CPU tensors (allocator.cc), one for the process.
void InstallAllocator();
void TrimAllocator();
int64_t AllocatorCachedBytes();

// One Init per concern, called by addon.cc in order.
void InitTensor(Napi::Object exports);
void InitTransfer(Napi::Object exports);
void InitDispatch(Napi::Object exports);
void InitAutograd(Napi::Object exports);
void InitScope(Napi::Object exports);
void InitRandom(Napi::Object exports);
void InitDevice(Napi::Object exports);
void InitStorage(Napi::Object exports);

}  // namespace bidora
