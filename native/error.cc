#include "error.h"

#include <napi.h>

#include <exception>
#include <new>
#include <stdexcept>

#include "environment.h"
#include "values.h"

namespace bidora {

namespace {

bool IsPending(napi_env env) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  return pending;
}

// Rethrows the exception in flight to see what it is. What belongs to JavaScript already is let through.
Failure Translate() {
  Failure failure;
  try {
    throw;
  } catch (const PendingException&) {
    throw;
  } catch (const Napi::Error&) {
    throw;
  } catch (const ArgumentFailure& error) {
    failure.kind = "argument";
    failure.argument = error.argument;
    failure.expected = error.expected;
    failure.got = error.got;
  } catch (const c10::Error& error) {
    failure.kind = IsOutOfMemory(error) ? "memory" : "torch";
    failure.message = error.what_without_backtrace();
  } catch (const std::bad_alloc& error) {
    failure.kind = "memory";
    failure.message = error.what();
  } catch (const std::exception& error) {
    failure.kind = "torch";
    failure.message = error.what();
  } catch (...) {
    failure.message = "an exception of an unknown type";
  }
  return failure;
}

// Nothing is checked here: where JavaScript cannot run any more, each call does nothing and nobody reads the result.
void ThrowFailure(Environment& environment, const Failure& failure) {
  napi_env env = environment.env();
  if (IsPending(env)) return;
  if (environment.make_error.IsEmpty()) {
    napi_throw_error(env, failure.kind, failure.message.c_str());
    return;
  }
  napi_value facts = nullptr;
  napi_create_object(env, &facts);
  auto set = [&](const char* name, const std::string& text) {
    napi_value value = nullptr;
    napi_create_string_utf8(env, text.data(), text.size(), &value);
    napi_set_named_property(env, facts, name, value);
  };
  set("kind", failure.kind);
  set("op", failure.op);
  set("message", failure.message);
  set("argument", failure.argument);
  set("expected", failure.expected);
  set("got", failure.got);
  napi_value shapes = nullptr;
  napi_create_array_with_length(env, failure.shapes.size(), &shapes);
  for (size_t i = 0; i < failure.shapes.size(); i++) {
    napi_value shape = NumberArray(env, failure.shapes[i].data(), failure.shapes[i].size());
    napi_set_element(env, shapes, static_cast<uint32_t>(i), shape);
  }
  napi_set_named_property(env, facts, "shapes", shapes);
  napi_value undefined = nullptr;
  napi_get_undefined(env, &undefined);
  napi_value error = nullptr;
  napi_status called = napi_call_function(env, undefined, environment.make_error.Value(), 1, &facts, &error);
  if (called == napi_ok) napi_throw(env, error);
}

}  // namespace

bool IsOutOfMemory(const c10::Error& error) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) return true;
  std::string message = error.what_without_backtrace();
  return message.find("DefaultCPUAllocator") != std::string::npos ||
         message.find("CUDA out of memory") != std::string::npos;
}

void Check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  if (status == napi_pending_exception || status == napi_cannot_run_js || IsPending(env)) throw PendingException();
  throw std::runtime_error("Node-API answered with status " + std::to_string(static_cast<int>(status)));
}

void ReportException(Environment& environment, c10::function_ref<void(Failure&)> describe) noexcept {
  napi_env env = environment.env();
  try {
    Failure failure = Translate();
    describe(failure);
    ThrowFailure(environment, failure);
  } catch (const PendingException&) {
    // JavaScript has its exception already.
  } catch (const Napi::Error& error) {
    // By hand: node-addon-api's own way of throwing it may throw a C++ exception.
    napi_value value = nullptr;
    if (napi_get_reference_value(env, error, &value) == napi_ok && value != nullptr) napi_throw(env, value);
  } catch (...) {
    napi_throw_error(env, "internal", "bidora-torch: no memory to describe an error");
  }
}

}  // namespace bidora
