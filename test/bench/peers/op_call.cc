// One small operator called from C++, in a loop: what `cases/op-call.ts` measures the addon against.
// Prints nanoseconds a call, one line a repetition: "add NS", "add_ NS".
#include <ATen/ATen.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace {

template <typename Body>
void Time(const char* name, int calls, Body body) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; i++) body();
  const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
  std::printf("%s %.3f\n", name, spent.count() / calls);
}

}  // namespace

int main(int count, char** arguments) {
  const int calls = count > 1 ? std::atoi(arguments[1]) : 20000;
  const int repetitions = count > 2 ? std::atoi(arguments[2]) : 5;
  const at::Tensor a = at::zeros({4, 4});
  at::Tensor b = at::zeros({4, 4});
  for (int i = 0; i < repetitions; i++) {
    Time("add", calls, [&] { at::Tensor sum = at::add(a, b); });
    Time("add_", calls, [&] { b.add_(a); });
  }
  return 0;
}
