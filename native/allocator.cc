// Memory of CPU tensors. Small blocks come from malloc; large ones are mapped and kept for reuse. Two reasons: between
// large malloc blocks lie small ones that outlive them (a wrapper whose finalizer waits for the event loop), so that
// freed memory would stay in pieces; and returning each activation to the kernel costs a page fault per page on the
// next step. One allocator serves the process, as libtorch has one; it holds no JavaScript state.
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "environment.h"

namespace bidora {

namespace {

// Every block starts on a multiple of this, so that vectorised kernels take the same path, and give the same bits, in
// every run.
constexpr size_t kAlignment = 64;
constexpr size_t kLarge = 64 << 10;
constexpr size_t kSpare = 256u << 20;      // may be kept whatever was needed lately
constexpr uint64_t kWindow = 10'000;       // blocks taken: a few training steps
constexpr size_t kMost = size_t{1} << 47;  // more than an address space holds: sizes below do not overflow when rounded

// Stands right before a block's data, within the alignment's gap.
struct Header {
  void* start;    // what malloc or mmap gave
  size_t mapped;  // 0 where it came from malloc
};
static_assert(sizeof(Header) <= alignof(std::max_align_t));

Header& HeaderOf(void* data) { return static_cast<Header*>(data)[-1]; }

class CachingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = bytes == 0 ? nullptr : bytes < kLarge ? AllocateSmall(bytes) : AllocateLarge(bytes);
    return {data, data, &Free, c10::Device(c10::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &Free; }

  void copy_data(void* target, const void* source, size_t count) const override {
    default_copy_data(target, source, count);
  }

  // Gives back to the kernel all that is not in use.
  void Trim() {
    std::lock_guard<std::mutex> lock(mutex_);
    TrimLocked(0);
  }

  size_t CachedBytes() {
    std::lock_guard<std::mutex> lock(mutex_);
    return cached_;
  }

  size_t UsedBytes() {
    std::lock_guard<std::mutex> lock(mutex_);
    return used_;
  }

  size_t PeakBytes() {
    std::lock_guard<std::mutex> lock(mutex_);
    return reported_peak_;
  }

  void ResetPeak() {
    std::lock_guard<std::mutex> lock(mutex_);
    reported_peak_ = used_;
  }

 private:
  // malloc aligns to 16 bytes and can be asked for more, but answers that many times slower.
  static void* AllocateSmall(size_t bytes) {
    void* start = std::malloc(bytes + kAlignment);
    if (!start) Refuse(bytes);
    uintptr_t data = (reinterpret_cast<uintptr_t>(start) + kAlignment) / kAlignment * kAlignment;
    return Place(start, reinterpret_cast<void*>(data), 0);
  }

  void* AllocateLarge(size_t bytes) {
    if (bytes > kMost) Refuse(bytes);
    size_t size = RoundUp(bytes + kAlignment);
    void* start = TakeKept(size);
    if (!start) start = Map(size);
    if (!start) {
      Trim();
      start = Map(size);
    }
    if (!start) Refuse(bytes);
    return Place(start, static_cast<char*>(start) + kAlignment, size);
  }

  static void* Place(void* start, void* data, size_t mapped) {
    HeaderOf(data) = {start, mapped};
    return data;
  }

  // Eight steps to each doubling: at most an eighth is wasted, and sizes that differ little become one.
  static size_t RoundUp(size_t bytes) {
    size_t step = kLarge / 8;
    while (step * 16 <= bytes) step *= 2;
    return (bytes + step - 1) / step * step;
  }

  // Takes a kept block of `size` or up to half as much again (sequence lengths vary from batch to batch), and sets
  // `size` to the block's own. Where there is none, makes room for a new one.
  void* TakeKept(size_t& size) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = kept_.lower_bound(size);
    if (found == kept_.end() || found->first > size + size / 2) {
      TrimLocked(Limit(size));
      return nullptr;
    }
    Bin& bin = found->second;
    void* start = bin.starts.back();
    size = found->first;
    bin.starts.pop_back();
    bin.last_use = taken_;
    if (bin.starts.empty()) kept_.erase(found);
    cached_ -= size;
    CountLocked(size);
    return start;
  }

  void* Map(size_t size) {
    void* start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return nullptr;
    std::lock_guard<std::mutex> lock(mutex_);
    CountLocked(size);
    return start;
  }

  void CountLocked(size_t size) {
    used_ += size;
    peak_ = std::max(peak_, used_);
    reported_peak_ = std::max(reported_peak_, used_);
    if (++taken_ % kWindow == 0) {
      last_peak_ = peak_;
      peak_ = used_;
    }
  }

  // The sentence of libtorch's own allocator: error.cc knows it.
  [[noreturn]] static void Refuse(size_t bytes) {
    TORCH_CHECK(false, "DefaultCPUAllocator: can't allocate memory: you tried to allocate ", bytes, " bytes.");
  }

  static void Free(void* data);

  void Release(void* start, size_t size) {
    std::lock_guard<std::mutex> lock(mutex_);
    used_ -= size;
    try {
      Bin& bin = kept_[size];
      bin.starts.push_back(start);
      bin.last_use = taken_;
    } catch (const std::bad_alloc&) {
      // Whoever frees must not see an exception.
      munmap(start, size);
      auto bin = kept_.find(size);
      if (bin != kept_.end() && bin->second.starts.empty()) kept_.erase(bin);
      return;
    }
    cached_ += size;
    TrimLocked(Limit(0));
  }

  // How much may be mapped before `more` is: in all, what was needed at once lately, so that a step finds what the step
  // before it has left, or what is in use and a little more.
  size_t Limit(size_t more) const { return std::max({peak_, last_peak_, used_ + more + kSpare}) - more; }

  // Sizes that were not asked for lately go first.
  void TrimLocked(size_t limit) {
    while (cached_ > 0 && used_ + cached_ > limit) {
      auto oldest = std::min_element(kept_.begin(), kept_.end(), [](const auto& a, const auto& b) {
        return a.second.last_use < b.second.last_use;
      });
      auto& [size, bin] = *oldest;
      munmap(bin.starts.back(), size);
      cached_ -= size;
      bin.starts.pop_back();
      if (bin.starts.empty()) kept_.erase(oldest);
    }
  }

  // Free blocks of one size; never empty.
  struct Bin {
    std::vector<void*> starts;
    uint64_t last_use = 0;
  };

  std::mutex mutex_;
  std::map<size_t, Bin> kept_;
  size_t cached_ = 0;
  size_t used_ = 0;
  size_t peak_ = 0;           // of used_, in this window of blocks taken
  size_t last_peak_ = 0;      // in the one before
  size_t reported_peak_ = 0;  // since somebody has reset it
  uint64_t taken_ = 0;
};

// Never destroyed: tensors of libtorch's own static state are freed after our destructors would run.
CachingAllocator& Instance() {
  static CachingAllocator* instance = new CachingAllocator;
  return *instance;
}

void CachingAllocator::Free(void* data) {
  if (!data) return;
  auto [start, mapped] = HeaderOf(data);
  if (mapped == 0)
    std::free(start);
  else
    Instance().Release(start, mapped);
}

}  // namespace

void InstallAllocator() {
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(&Instance(), 1); });
}

void TrimAllocator() { Instance().Trim(); }

int64_t AllocatorCachedBytes() { return static_cast<int64_t>(Instance().CachedBytes()); }

int64_t AllocatorUsedBytes() { return static_cast<int64_t>(Instance().UsedBytes()); }

int64_t AllocatorPeakBytes() { return static_cast<int64_t>(Instance().PeakBytes()); }

void ResetAllocatorPeak() { Instance().ResetPeak(); }

}  // namespace bidora
