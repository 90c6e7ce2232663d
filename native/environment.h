// The state of one JavaScript environment (the main thread or a worker). There are no globals: several environments may
// load the addon in one process.
#pragma once

#include <napi.h>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <c10/util/flat_hash_map.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "error.h"

namespace bidora {

struct Handle;

// A list of handles that end together. Scope 0 is the root and never closes.
struct Scope {
  int64_t id = 0;
  int64_t parent = 0;
  Handle* first = nullptr;
};

// One JavaScript Tensor. While it holds a tensor it sits in exactly one scope's list.
struct Handle {
  enum class State : uint8_t {
    kFree,      // belongs to no object
    kLive,      // holds a tensor
    kDisposed,  // released by dispose() or a scope; JavaScript may still hold the object
    kDead,      // JavaScript has collected the object; the finalizer has not run yet
  };
  at::Tensor tensor;
  c10::StorageImpl* storage = nullptr;  // key of the byte accounting, never followed
  napi_ref reference = nullptr;         // weak
  Scope* scope = nullptr;
  Handle* previous = nullptr;
  Handle* next = nullptr;  // in the scope's list, or in the list of free handles
  uint32_t index = 0;      // its place in the environment's table
  State state = State::kFree;
  bool disposed_by_scope = false;
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
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  static Environment& From(napi_env env);

  napi_env env() const { return env_; }

  // --- handles (tensor.cc)
  napi_value Wrap(at::Tensor tensor);
  Handle* Unwrap(napi_value value) const;  // nullptr where the value is no Tensor of this environment
  // The handle or tensor behind a value; throw ArgumentFailure where it is none or was disposed.
  Handle& LiveHandle(napi_value value, const char* argument) const;
  const at::Tensor& Tensor(napi_value value, const char* argument) const { return LiveHandle(value, argument).tensor; }
  bool Release(Handle& handle, Handle::State state);

  // --- reclaiming (tensor.cc)
  // Frees what JavaScript has dropped. Calls the garbage collector, so no user's code runs. `everything` forces the
  // major collection too.
  void Reclaim(bool everything);
  // Runs `work`; where memory runs out, reclaims and runs it once more.
  template <typename Work>
  auto RetryOutOfMemory(Work&& work) -> decltype(work());

  // --- scopes (scope.cc)
  int64_t OpenScope();
  void CloseScope(int64_t id, const std::vector<Handle*>& kept);
  int64_t EnterScope(int64_t id);
  Scope& CurrentScope();
  Scope& ScopeOrRoot(int64_t id);
  void MoveToScope(Handle& handle, Scope& scope);
  size_t OpenScopes() const { return scopes_.size() - 1; }
  int async_scopes = 0;

  // --- forward mode (forward.cc): whether tensors may carry tangents now
  bool in_forward_mode = false;
  // The number of this thread's next autograd node when it began.
  uint64_t forward_since = 0;

  // --- random (random.cc)
  at::Generator& GeneratorFor(const at::Device& device);
  void Seed(uint64_t seed);

  // --- given by JavaScript at initialisation
  Napi::FunctionReference tensor_class;
  Napi::FunctionReference make_error;
  Napi::FunctionReference async_scope;  // () => id of the scope of the current asynchronous context, or 0
  Napi::FunctionReference collect_garbage;
  Napi::FunctionReference array_buffer;  // JavaScript's own constructor

  // --- gradient checkpointing (checkpoint.cc): nodes alive whose backward calls JavaScript
  int checkpoints = 0;

  MemoryCounters counters;
  int64_t ReportedBytes() const { return reported_bytes_; }

  // --- mapped files (storage.cc)
  std::unordered_set<Mapping*> mappings;
  void Forget(Mapping* mapping);

  // --- the end: tensors go first, while libtorch is whole; the state goes with the last finalizer that needs it
  void ReleaseAll();
  void Close();

 private:
  Handle& TakeHandle();
  void FreeHandle(Handle& handle);
  Handle& HandleAt(uint32_t index) const { return chunks_[index / kChunk][index % kChunk]; }
  void* KeyOf(const Handle& handle) const { return reinterpret_cast<void*>(tag_ | handle.index); }
  static void Finalize(napi_env env, void* key, void* environment);
  void Link(Handle& handle, Scope& scope);
  void Unlink(Handle& handle);
  void Account(Handle& handle);
  void Unaccount(Handle& handle);
  void ReportBytes();
  void Collect(bool minor);
  void Sweep();
  void DeleteIfUnused();

  static constexpr uint32_t kChunk = 1024;

  // Handles that live as long as this environment and are used again. What a JavaScript object wraps is not a pointer
  // but a key, the handle's index under a tag that no pointer has: objects that another addon, or another environment
  // of this one, has wrapped are told apart without being followed.
  std::vector<std::unique_ptr<Handle[]>> chunks_;
  Handle* free_ = nullptr;
  size_t wrapped_ = 0;  // handles whose finalizer is still to come
  uintptr_t tag_;

  // How many live handles share a storage, and the bytes that were counted for it.
  struct Shared {
    int64_t handles = 0;
    int64_t bytes = 0;
  };
  ska::flat_hash_map<c10::StorageImpl*, Shared> storages_;

  napi_env env_;
  bool closing_ = false;  // tensors are gone, nothing more is reported to V8
  bool closed_ = false;   // Node has let go of the instance data
  std::unordered_map<int64_t, Scope> scopes_;
  Scope* root_;
  Scope* current_;  // root_ where no synchronous scope is running
  int64_t next_scope_ = 1;
  int64_t reported_bytes_ = 0;
  int64_t byte_watermark_;
  int64_t count_watermark_;
  bool reclaiming_ = false;
  uint64_t seed_;
  std::unordered_map<int, at::Generator> generators_;  // by device index, -1 for the CPU
};

// The allocator of CPU tensors (allocator.cc), one for the process.
void InstallAllocator();
void TrimAllocator();
int64_t AllocatorCachedBytes();
// Bytes of large blocks in use, and the most of them since the peak was last reset.
int64_t AllocatorUsedBytes();
int64_t AllocatorPeakBytes();
void ResetAllocatorPeak();

template <typename Work>
auto Environment::RetryOutOfMemory(Work&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const c10::Error& error) {
    if (!IsOutOfMemory(error)) throw;
  }
  Reclaim(true);
  TrimAllocator();
  return work();
}

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

// One Init per concern, called by addon.cc in order.
void InitTensor(Napi::Object exports);
void InitTransfer(Napi::Object exports);
void InitDispatch(Napi::Object exports);
void InitAutograd(Napi::Object exports);
void InitAutocast(Napi::Object exports);
void InitCheckpoint(Napi::Object exports);
void InitForward(Napi::Object exports);
void RegisterForwardRules();  // forward_rules.cc
void InitScope(Napi::Object exports);
void InitRandom(Napi::Object exports);
void InitDevice(Napi::Object exports);
void InitStorage(Napi::Object exports);
void InitDropout(Napi::Object exports);
void InitFrozenProduct(Napi::Object exports);
void InitAttention(Napi::Object exports);
void InitLora(Napi::Object exports);

}  // namespace bidora
