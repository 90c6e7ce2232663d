// One guard around every entry: whatever C++ throws becomes one typed JavaScript error. C++ writes no prose; it hands
// over a kind, the op and the facts, and lib/tensor/failure.ts makes the sentence.
#pragma once

#include <node_api.h>

#include <c10/util/Exception.h>
#include <c10/util/FunctionRef.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bidora {

class Environment;

// A JavaScript exception is already pending, or JavaScript cannot run any more (a worker that is being terminated);
// unwind to the guard and return.
struct PendingException {};

// A value from JavaScript that does not fit what an entry expects.
struct ArgumentFailure {
  std::string argument;
  std::string expected;
  std::string got;
};

// What the error factory in JavaScript receives.
struct Failure {
  const char* kind = "internal";  // 'argument' | 'torch' | 'memory' | 'internal'
  std::string op;
  std::string message;
  std::string argument;
  std::string expected;
  std::string got;
  std::vector<std::vector<int64_t>> shapes;
};

// libtorch's CPU allocator reports exhaustion as a plain error, so its message has to be read.
bool IsOutOfMemory(const c10::Error& error);

// Throws PendingException where a call of Node-API failed because of JavaScript, std::runtime_error otherwise.
void Check(napi_env env, napi_status status);

// To be called in a catch block: throws the JavaScript error for the exception in flight. `describe` adds op and
// shapes.
void ReportException(Environment& environment, c10::function_ref<void(Failure&)> describe) noexcept;

// Runs `body`; on any C++ exception throws the matching JavaScript error and returns nullptr.
template <typename Body, typename Describe>
napi_value Guard(Environment& environment, Body&& body, Describe&& describe) noexcept {
  try {
    return body();
  } catch (...) {
    ReportException(environment, describe);
    return nullptr;
  }
}

}  // namespace bidora
