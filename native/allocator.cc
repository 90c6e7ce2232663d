// Memory of CPU tensors. Small blocks come from malloc; large ones are mapped and kept for reuse by size. Two reasons:
// between large malloc blocks lie small ones that outlive them (a wrapper whose finalizer waits for the event loop), so
// that freed memory would stay in pieces; and returning each activation to the kernel costs a page fault per page on the
// next step. One allocator serves the process, as libtorch has one; it holds no JavaScript state.
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <sys/mman.h>

#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "environment.h"

namespace bidora {

namespace {

constexpr size_t kLarge = 64 << 10;
constexpr size_t kCachedLimit = 512u << 20;

class CachingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = bytes < kLarge ? c10::alloc_cpu(bytes) : AllocateLarge(RoundUp(bytes));
    return {data, data, &Free, c10::Device(c10::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &Free; }

  void copy_data(void* target, const void* source, size_t count) const override { default_copy_data(target, source, count); }

  // Gives what is not in use back to the kernel.
  void Trim(size_t keep) {
    std::lock_guard<std::mutex> lock(mutex_);
    TrimLocked(keep);
  }

  size_t CachedBytes() {
    std::lock_guard<std::mutex> lock(mutex_);
    return cached_;
  }

 private:
  // Eight steps to each doubling: blocks fit again although sequence lengths vary, and at most an eighth is wasted.
  static size_t RoundUp(size_t bytes) {
    size_t step = kLarge / 8;
    while (step * 16 <= bytes) step *= 2;
    return (bytes + step - 1) / step * step;
  }

  void* AllocateLarge(size_t size) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      auto found = free_.find(size);
      if (found != free_.end() && !found->second.empty()) {
        void* data = found->second.back();
        found->second.pop_back();
        cached_ -= size;
        used_.emplace(data, size);
        return data;
      }
    }
    void* data = Map(size);
    if (!data) {
      Trim(0);
      data = Map(size);
    }
    // The sentence of libtorch's own allocator: error.h knows it.
    TORCH_CHECK(data, "DefaultCPUAllocator: can't allocate memory: you tried to allocate ", size, " bytes.");
    std::lock_guard<std::mutex> lock(mutex_);
    used_.emplace(data, size);
    return data;
  }

  static void* Map(size_t size) {
    void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED ? nullptr : data;
  }

  static void Free(void* data);

  void Release(void* data) {
    std::unique_lock<std::mutex> lock(mutex_);
    auto found = used_.find(data);
    if (found == used_.end()) {
      lock.unlock();
      c10::free_cpu(data);
      return;
    }
    size_t size = found->second;
    used_.erase(found);
    free_[size].push_back(data);
    cached_ += size;
    if (cached_ > kCachedLimit) TrimLocked(kCachedLimit / 2);
  }

  // Largest first: few calls give much back.
  void TrimLocked(size_t keep) {
    for (auto entry = free_.rbegin(); entry != free_.rend() && cached_ > keep; ++entry) {
      while (!entry->second.empty() && cached_ > keep) {
        munmap(entry->second.back(), entry->first);
        entry->second.pop_back();
        cached_ -= entry->first;
      }
    }
  }

  std::mutex mutex_;
  std::map<size_t, std::vector<void*>> free_;
  std::unordered_map<void*, size_t> used_;
  size_t cached_ = 0;
};

// Never destroyed: tensors of libtorch's own static state are freed after our destructors would run.
CachingAllocator& Instance() {
  static CachingAllocator* instance = new CachingAllocator;
  return *instance;
}

void CachingAllocator::Free(void* data) {
  if (data) Instance().Release(data);
}

}  // namespace

void InstallAllocator() {
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(&Instance(), 1); });
}

void TrimAllocator() { Instance().Trim(0); }

int64_t AllocatorCachedBytes() { return static_cast<int64_t>(Instance().CachedBytes()); }

}  // namespace bidora
