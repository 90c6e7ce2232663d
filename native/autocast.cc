// libtorch's autocast: the state of this thread, for the CPU and CUDA together or one of them.
#include <ATen/autocast_mode.h>

#include <array>
#include <string>

#include "environment.h"
#include "values.h"

namespace bidora {

namespace {

constexpr std::array<at::DeviceType, 2> kDevices{at::kCPU, at::kCUDA};
constexpr std::array<const char*, 2> kNames{"cpu", "cuda"};

// What of both devices is on and in which type: one byte of flags, then a byte for each type.
double Pack() {
  uint32_t state = 0;
  for (size_t i = 0; i < kDevices.size(); i++) {
    if (at::autocast::is_autocast_enabled(kDevices[i])) state |= 1u << i;
    state |= static_cast<uint32_t>(at::autocast::get_autocast_dtype(kDevices[i])) << (8 * (i + 1));
  }
  return state;
}

void Unpack(uint32_t state) {
  for (size_t i = 0; i < kDevices.size(); i++) {
    at::autocast::set_autocast_enabled(kDevices[i], ((state >> i) & 1u) != 0);
    at::autocast::set_autocast_dtype(kDevices[i], static_cast<at::ScalarType>((state >> (8 * (i + 1))) & 0xffu));
  }
}

uint32_t State(const Napi::Value& value) {
  int64_t state = ToInt64(value.Env(), value, "state");
  for (size_t i = 1; i <= kDevices.size(); i++) {
    auto type = static_cast<at::ScalarType>((state >> (8 * i)) & 0xff);
    if (state < 0 || state >= (1 << 24) || !at::isReducedFloatingType(type))
      throw ArgumentFailure{"state", "a state that autocastState gave", std::to_string(state)};
  }
  return static_cast<uint32_t>(state);
}

// autocastState() => number
napi_value AutocastState(Environment&, const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), Pack()); }

// autocastWith(state, dtype or null for off, 'cpu', 'cuda' or null for both) => state. A libtorch without CUDA has its
// state all the same.
napi_value AutocastWith(Environment&, const Napi::CallbackInfo& info) {
  uint32_t state = State(info[0]);
  bool on = !info[1].IsNull();
  uint32_t type = on ? static_cast<uint32_t>(ToDtype(info.Env(), info[1], "dtype")) : 0;
  std::string device = info[2].IsNull() ? "" : ToText(info.Env(), info[2], "device");
  for (size_t i = 0; i < kDevices.size(); i++) {
    if (!device.empty() && device != kNames[i]) continue;
    state = on ? state | 1u << i : state & ~(1u << i);
    if (on) state = (state & ~(0xffu << (8 * (i + 1)))) | type << (8 * (i + 1));
  }
  return Napi::Number::New(info.Env(), state);
}

// autocastEnter(state) => the state before; every Enter has its Exit, which gets that state back
napi_value AutocastEnter(Environment&, const Napi::CallbackInfo& info) {
  uint32_t state = State(info[0]);
  double before = Pack();
  Unpack(state);
  at::autocast::increment_nesting();
  return Napi::Number::New(info.Env(), before);
}

napi_value AutocastExit(Environment&, const Napi::CallbackInfo& info) {
  uint32_t state = State(info[0]);
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  Unpack(state);
  return info.Env().Undefined();
}

}  // namespace

void InitAutocast(Napi::Object exports) {
  Export<AutocastState>(exports, "autocastState");
  Export<AutocastWith>(exports, "autocastWith");
  Export<AutocastEnter>(exports, "autocastEnter");
  Export<AutocastExit>(exports, "autocastExit");
}

}  // namespace bidora
