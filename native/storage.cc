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

#include "convert.h"
#include "environment.h"

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
  if (!environment.mappings.count(mapping)) throw ArgumentFailure{"mapping", "a mapped file", Describe(value.Env(), value)};
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
  auto* mapping = new Mapping{MapRegion(info[0].ToString()), &environment};
  environment.mappings.insert(mapping);
  return Napi::External<Mapping>::New(info.Env(), mapping, [](Napi::Env, Mapping* gone) {
    gone->environment->Forget(gone);
    delete gone;
  });
}

napi_value MappingLength(Environment& environment, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(MappingOf(environment, info[0]).region->length));
}

// mappingBytes(mapping, offset, length) => ArrayBuffer, a copy
napi_value MappingBytes(Environment& environment, const Napi::CallbackInfo& info) {
  Mapping& mapping = MappingOf(environment, info[0]);
  int64_t length = ToInt64(info.Env(), info[2], "length");
  const uint8_t* data = Range(mapping, ToInt64(info.Env(), info[1], "offset"), length);
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(info.Env(), static_cast<size_t>(length));
  if (length > 0) std::memcpy(buffer.Data(), data, static_cast<size_t>(length));
  return buffer;
}

// mappingTensor(mapping, offset, length, shape, dtype) => Tensor over the file's bytes; a copy where they are not aligned
napi_value MappingTensor(Environment& environment, const Napi::CallbackInfo& info) {
  Mapping& mapping = MappingOf(environment, info[0]);
  int64_t length = ToInt64(info.Env(), info[2], "length");
  const uint8_t* data = Range(mapping, ToInt64(info.Env(), info[1], "offset"), length);
  std::vector<int64_t> shape = IntVector(info.Env(), info[3], "shape");
  c10::ScalarType dtype = DtypeFromName(info[4].ToString(), "dtype");
  int64_t element = static_cast<int64_t>(c10::elementSize(dtype));
  int64_t expected = element;
  for (int64_t size : shape) {
    if (size < 0 || (size > 0 && expected > INT64_MAX / size)) throw ArgumentFailure{"shape", "sizes whose product fits 64 bits", std::to_string(size)};
    expected *= size;
  }
  if (expected != length) throw ArgumentFailure{"length", std::to_string(expected) + " bytes for this shape and dtype", std::to_string(length)};
  if (length == 0) return environment.Wrap(at::empty(shape, at::TensorOptions(dtype)));
  if (reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(element) != 0) {
    at::Tensor copy = at::empty(shape, at::TensorOptions(dtype));
    std::memcpy(copy.mutable_data_ptr(), data, static_cast<size_t>(length));
    return environment.Wrap(std::move(copy));
  }
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
