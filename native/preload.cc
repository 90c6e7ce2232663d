// Maps a shared library by its absolute path so that everything opened later finds it by soname: no rpath and no
// LD_LIBRARY_PATH. Plain Node-API, knows nothing of torch, so it loads where libtorch is missing or broken.

#include <dlfcn.h>
#include <node_api.h>

#include <string>

namespace {

// open(path: string): undefined. Throws the loader's own sentence, which names the file that is missing.
napi_value Open(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  size_t length = 0;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok || count < 1 ||
      napi_get_value_string_utf8(env, argument, nullptr, 0, &length) != napi_ok) {
    napi_throw_type_error(env, "ERR_BIDORA_PRELOAD", "open: expected the path of a shared library");
    return nullptr;
  }
  std::string path(length + 1, '\0');
  napi_get_value_string_utf8(env, argument, path.data(), path.size(), &length);
  path.resize(length);

  // Never closed: libtorch registers thread-local and static state that does not survive an unload. Opening it again,
  // from another worker, only counts a reference.
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    const char* reason = dlerror();
    napi_throw_error(env, "ERR_BIDORA_PRELOAD", reason != nullptr ? reason : path.c_str());
  }
  return nullptr;
}

napi_value Init(napi_env env, napi_value exports) {
  napi_value open = nullptr;
  if (napi_create_function(env, "open", NAPI_AUTO_LENGTH, Open, nullptr, &open) == napi_ok) {
    napi_set_named_property(env, exports, "open", open);
  }
  return exports;
}

}  // namespace

NAPI_MODULE(NODE_GYP_MODULE_NAME, Init)
