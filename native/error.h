// One guard around every entry: whatever C++ throws becomes one typed JavaScript error. C++ writes no prose; it hands
// over a kind, the op and the facts, and lib/tensor/errors.ts makes the sentence.
#pragma once

#include <napi.h>

#include <c10/util/Exception.h>

#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bidora {

// A JavaScript exception is already pending; unwind to the guard and return.
struct PendingException {};

// A value from JavaScript that does not fit what an entry expects.
struct ArgumentFailure {
  std::string argument;
  std::string expected;
  std::string got;
};

// What the error factory in JavaScript receives.
struct Failure {
  const char* kind;  // 'argument' | 'torch' | 'memory' | 'internal'
  std::string op;
  std::string message;
  std::string argument;
  std::string expected;
  std::string got;
  std::vector<std::vector<int64_t>> shapes;
};

class Environment;
void ThrowFailure(Environment& environment, const Failure& failure);

// libtorch's CPU allocator reports exhaustion as a plain error, so its message has to be read.
inline bool IsOutOfMemory(const std::string& message) {
  return message.find("DefaultCPUAllocator") != std::string::npos || message.find("CUDA out of memory") != std::string::npos;
}

// Runs `body`; on any C++ exception throws the matching JavaScript error and returns nullptr. `describe` adds op and shapes.
template <typename Body, typename Describe>
napi_value Guard(Environment& environment, Body&& body, Describe&& describe) {
  Failure failure;
  try {
    return body();
  } catch (const PendingException&) {
    return nullptr;
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
    return nullptr;
  } catch (const ArgumentFailure& error) {
    failure = {"argument", "", "", error.argument, error.expected, error.got, {}};
  } catch (const c10::OutOfMemoryError& error) {
    failure = {"memory", "", error.what_without_backtrace(), "", "", "", {}};
  } catch (const c10::Error& error) {
    std::string message = error.what_without_backtrace();
    failure = {IsOutOfMemory(message) ? "memory" : "torch", "", message, "", "", "", {}};
  } catch (const std::bad_alloc& error) {
    failure = {"memory", "", error.what(), "", "", "", {}};
  } catch (const std::exception& error) {
    failure = {"torch", "", error.what(), "", "", "", {}};
  } catch (...) {
    failure = {"internal", "", "an exception of an unknown type", "", "", "", {}};
  }
  describe(failure);
  ThrowFailure(environment, failure);
  return nullptr;
}

}  // namespace bidora
