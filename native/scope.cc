// Scopes: tensors made while a scope is current end with it. They may close in any order, since asynchronous ones do.
#include "convert.h"
#include "environment.h"

namespace bidora {

uint32_t Environment::OpenScope(uint32_t parent) {
  uint32_t id = next_scope_++;
  Scope scope;
  scope.parent = parent;
  scopes_.emplace(id, scope);
  return id;
}

uint32_t Environment::ParentOf(uint32_t id) const {
  auto found = scopes_.find(id);
  if (found == scopes_.end()) return 0;
  return scopes_.count(found->second.parent) ? found->second.parent : 0;
}

// What is kept moves to the parent, or to the root where the parent has already closed.
void Environment::CloseScope(uint32_t id, const std::vector<Handle*>& kept) {
  auto found = scopes_.find(id);
  if (id == 0 || found == scopes_.end()) return;
  uint32_t parent = ParentOf(id);
  for (Handle* handle : kept) {
    if (handle->state == Handle::State::kLive && handle->scope == id) MoveToScope(handle, parent);
  }
  while (Handle* handle = scopes_[id].first) {
    handle->disposed_by_scope = 1;
    Release(handle, Handle::State::kDisposed);
  }
  scopes_.erase(id);
}

void Environment::MoveToScope(Handle* handle, uint32_t id) {
  Unlink(handle);
  Link(handle, id);
}

// Returns the scope that was current before.
uint32_t Environment::EnterScope(uint32_t id) {
  uint32_t before = current_scope_;
  current_scope_ = id;
  return before;
}

// Between the turns of an asynchronous scope no synchronous scope is current; then the asynchronous context knows.
uint32_t Environment::CurrentScope() {
  if (current_scope_ != 0 || async_scopes == 0) return current_scope_;
  napi_value undefined = nullptr;
  napi_value result = nullptr;
  napi_get_undefined(env_, &undefined);
  if (napi_call_function(env_, undefined, async_scope.Value(), 0, nullptr, &result) != napi_ok) throw PendingException();
  uint32_t id = 0;
  napi_get_value_uint32(env_, result, &id);
  return id;
}

namespace {

Handle* LiveHandle(Environment& environment, napi_value value) {
  environment.Tensor(value, "tensor");
  return environment.Unwrap(value);
}

napi_value ScopeOpen(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), environment.OpenScope(environment.CurrentScope()));
}

// scopeClose(id, tensors that leave it)
napi_value ScopeClose(Environment& environment, const Napi::CallbackInfo& info) {
  std::vector<Handle*> kept;
  Napi::Array list = info[1].As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    Handle* handle = environment.Unwrap(list.Get(i));
    if (handle) kept.push_back(handle);
  }
  environment.CloseScope(info[0].ToNumber().Uint32Value(), kept);
  return info.Env().Undefined();
}

napi_value ScopeEnter(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), environment.EnterScope(info[0].ToNumber().Uint32Value()));
}

// How many asynchronous scopes are open: only then is the asynchronous context asked.
napi_value ScopeAsync(Environment& environment, const Napi::CallbackInfo& info) {
  environment.async_scopes += info[0].ToNumber().Int32Value();
  return info.Env().Undefined();
}

napi_value ScopeKeep(Environment& environment, const Napi::CallbackInfo& info) {
  environment.MoveToScope(LiveHandle(environment, info[0]), 0);
  return info.Env().Undefined();
}

napi_value ScopeMoveToOuter(Environment& environment, const Napi::CallbackInfo& info) {
  Handle* handle = LiveHandle(environment, info[0]);
  environment.MoveToScope(handle, environment.ParentOf(handle->scope));
  return info.Env().Undefined();
}

}  // namespace

void InitScope(Napi::Object exports) {
  Export<ScopeOpen>(exports, "scopeOpen");
  Export<ScopeClose>(exports, "scopeClose");
  Export<ScopeEnter>(exports, "scopeEnter");
  Export<ScopeAsync>(exports, "scopeAsync");
  Export<ScopeKeep>(exports, "scopeKeep");
  Export<ScopeMoveToOuter>(exports, "scopeMoveToOuter");
}

}  // namespace bidora
