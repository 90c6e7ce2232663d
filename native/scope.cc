// Scopes: tensors made while a scope is current end with it. They may close in any order, since asynchronous ones do.
#include "environment.h"
#include "values.h"

namespace bidora {

int64_t Environment::OpenScope() {
  int64_t parent = CurrentScope().id;
  int64_t id = next_scope_++;
  Scope& scope = scopes_[id];
  scope.id = id;
  scope.parent = parent;
  return id;
}

Scope& Environment::ScopeOrRoot(int64_t id) {
  auto found = scopes_.find(id);
  return found == scopes_.end() ? *root_ : found->second;
}

// What is kept moves to the parent, or to the root where the parent has already closed.
void Environment::CloseScope(int64_t id, const std::vector<Handle*>& kept) {
  Scope& scope = ScopeOrRoot(id);
  if (&scope == root_) return;
  Scope& parent = ScopeOrRoot(scope.parent);
  for (Handle* handle : kept)
    if (handle->state == Handle::State::kLive && handle->scope == &scope) MoveToScope(*handle, parent);
  while (Handle* handle = scope.first) {
    handle->disposed_by_scope = true;
    Release(*handle, Handle::State::kDisposed);
  }
  if (current_ == &scope) current_ = root_;
  scopes_.erase(id);
}

void Environment::MoveToScope(Handle& handle, Scope& scope) {
  Unlink(handle);
  Link(handle, scope);
}

// Returns the scope that was current before.
int64_t Environment::EnterScope(int64_t id) {
  int64_t before = current_->id;
  current_ = &ScopeOrRoot(id);
  return before;
}

// Between the turns of an asynchronous scope no synchronous scope is current; then the asynchronous context knows.
Scope& Environment::CurrentScope() {
  if (current_ != root_ || async_scopes == 0) return *current_;
  napi_value undefined = nullptr;
  napi_value result = nullptr;
  int64_t id = 0;
  napi_get_undefined(env_, &undefined);
  Check(env_, napi_call_function(env_, undefined, async_scope.Value(), 0, nullptr, &result));
  napi_get_value_int64(env_, result, &id);
  return ScopeOrRoot(id);
}

namespace {

int64_t Id(const Napi::CallbackInfo& info) { return ToInt64(info.Env(), info[0], "id"); }

napi_value ScopeOpen(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(environment.OpenScope()));
}

// scopeClose(id, tensors that leave it)
napi_value ScopeClose(Environment& environment, const Napi::CallbackInfo& info) {
  std::vector<Handle*> kept;
  for (uint32_t i = 0, n = ArrayLength(info.Env(), info[1], "kept", "an array of Tensors"); i < n; i++)
    if (Handle* handle = environment.Unwrap(ArrayElement(info.Env(), info[1], i))) kept.push_back(handle);
  environment.CloseScope(Id(info), kept);
  return info.Env().Undefined();
}

napi_value ScopeEnter(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(environment.EnterScope(Id(info))));
}

// How many asynchronous scopes are open: only then is the asynchronous context asked.
napi_value ScopeAsync(Environment& environment, const Napi::CallbackInfo& info) {
  environment.async_scopes += static_cast<int>(ToInt64(info.Env(), info[0], "change"));
  return info.Env().Undefined();
}

napi_value ScopeKeep(Environment& environment, const Napi::CallbackInfo& info) {
  environment.MoveToScope(environment.LiveHandle(info[0], "tensor"), environment.ScopeOrRoot(0));
  return info.Env().Undefined();
}

napi_value ScopeMoveToOuter(Environment& environment, const Napi::CallbackInfo& info) {
  Handle& handle = environment.LiveHandle(info[0], "tensor");
  environment.MoveToScope(handle, environment.ScopeOrRoot(handle.scope->parent));
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
