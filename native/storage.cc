// Files mapped into memory, and tensors over them without a copy. The mapping is private: writing to such a tensor
// never reaches the file.
#include <ATen/Functions.h>
#include <ATen/core/Tensor.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "bytes.h"
#include "environment.h"
#include "values.h"

namespace bidora {

namespace {

struct MappedRegion {
  void* data = nullptr;
  size_t length = 0;
  ~MappedRegion() {
    if (data) munmap(data, length);
  }
};

}  // namespace

struct Mapping {
  std::shared_ptr<MappedRegion> region;
  Environment* environment;
};

namespace {

[[noreturn]] void ThrowErrno(const std::string& what, const std::string& path) {
  throw std::runtime_error(what + " " + path + ": " + std::strerror(errno));
}

std::shared_ptr<MappedRegion> MapRegion(const std::string& path) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) ThrowErrno("cannot open", path);
  struct stat status;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(file);
    throw std::runtime_error("not a regular file: " + path);
  }
  auto region = std::make_shared<MappedRegion>();
  region->length = static_cast<size_t>(status.st_size);
  if (region->length > 0) {
    void* data = mmap(nullptr, region->length, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED) {
      close(file);
      ThrowErrno("cannot map", path);
    }
    region->data = data;
  }
  close(file);
  return region;
}

Mapping& MappingOf(Environment& environment, const Napi::Value& value) {
  void* data = nullptr;
  if (value.IsExternal()) napi_get_value_external(value.Env(), value, &data);
  auto* mapping = static_cast<Mapping*>(data);
  if (!environment.mappings.count(mapping))
    throw ArgumentFailure{"mapping", "a mapped file", Describe(value.Env(), value)};
  return *mapping;
}

const uint8_t* Range(const Mapping& mapping, int64_t offset, int64_t length) {
  int64_t total = static_cast<int64_t>(mapping.region->length);
  if (offset < 0 || length < 0 || offset > total || length > total - offset) {
    throw ArgumentFailure{"range", "bytes within the file's " + std::to_string(total),
                          std::to_string(length) + " from " + std::to_string(offset)};
  }
  return static_cast<const uint8_t*>(mapping.region->data) + offset;
}

// mapFile(path) => external
napi_value MapFile(Environment& environment, const Napi::CallbackInfo& info) {
  auto mapping = std::make_unique<Mapping>(Mapping{MapRegion(ToText(info.Env(), info[0], "path")), &environment});
  auto drop = [](napi_env, void* data, void*) {
    auto* gone = static_cast<Mapping*>(data);
    gone->environment->Forget(gone);
    delete gone;
  };
  environment.mappings.insert(mapping.get());
  napi_value external = nullptr;
  napi_status status = napi_create_external(info.Env(), mapping.get(), drop, nullptr, &external);
  if (status != napi_ok) environment.mappings.erase(mapping.get());
  Check(info.Env(), status);
  mapping.release();
  return external;
}

napi_value MappingLength(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(MappingOf(environment, info[0]).region->length));
}

// mappingBytes(mapping, offset, length) => ArrayBuffer, a copy
napi_value MappingBytes(Environment& environment, const Napi::CallbackInfo& info) {
  Mapping& mapping = MappingOf(environment, info[0]);
  int64_t length = ToInt64(info.Env(), info[2], "length");
  const uint8_t* source = Range(mapping, ToInt64(info.Env(), info[1], "offset"), length);
  void* target = nullptr;
  napi_value buffer = NewArrayBuffer(environment, static_cast<size_t>(length), &target);
  if (length > 0) std::memcpy(target, source, static_cast<size_t>(length));
  return buffer;
}

// mappingTensor(mapping, offset, length, shape, dtype) => Tensor over the file's bytes; a copy where they are not
// aligned
napi_value MappingTensor(Environment& environment, const Napi::CallbackInfo& info) {
  Mapping& mapping = MappingOf(environment, info[0]);
  int64_t length = ToInt64(info.Env(), info[2], "length");
  const uint8_t* data = Range(mapping, ToInt64(info.Env(), info[1], "offset"), length);
  std::vector<int64_t> shape = ToIntVector(info.Env(), info[3], "shape");
  c10::ScalarType dtype = ToDtype(info.Env(), info[4], "dtype");
  size_t expected = ByteCount(shape, dtype);
  if (expected != static_cast<size_t>(length)) {
    throw ArgumentFailure{"length", std::to_string(expected) + " bytes for this shape and dtype",
                          std::to_string(length)};
  }
  AssertElements(data, expected, dtype);
  if (length == 0 || reinterpret_cast<uintptr_t>(data) % c10::elementSize(dtype) != 0)
    return environment.Wrap(CopyToTensor(data, expected, shape, dtype));
  // The tensor keeps the region mapped for as long as any view of it lives.
  std::shared_ptr<MappedRegion> region = mapping.region;
  at::Tensor tensor = at::from_blob(const_cast<uint8_t*>(data), shape, [region](void*) {}, at::TensorOptions(dtype));
  return environment.Wrap(std::move(tensor));
}

}  // namespace

void InitStorage(Napi::Object exports) {
  Export<MapFile>(exports, "mapFile");
  Export<MappingLength>(exports, "mappingLength");
  Export<MappingBytes>(exports, "mappingBytes");
  Export<MappingTensor>(exports, "mappingTensor");
}

}  // namespace bidora
