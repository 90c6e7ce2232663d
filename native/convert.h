// JavaScript values to IValues by schema type, and back: the only converter.
#pragma once

#include <napi.h>

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "environment.h"

namespace bidora {

// What a schema's argument takes, read once when the op is bound.
struct ArgumentType {
  enum class Kind : uint8_t {
    kTensor,
    kInt,
    kFloat,
    kNumber,
    kBool,
    kString,
    kDtype,
    kLayout,
    kMemoryFormat,
    kDevice,
    kGenerator,
    kReduction,
    kUnsupported
  };
  Kind kind = Kind::kUnsupported;
  bool list = false;
  bool optional = false;           // None is allowed
  bool optional_elements = false;  // Tensor?[]
  int64_t list_size = 0;           // int[2]: one number stands for two
  bool numbers = false;            // a number may stand for a tensor (the table says where)
  bool written = false;            // changed in place
  std::string name;
  std::optional<c10::IValue> default_value;
};

ArgumentType ReadArgumentType(const c10::Argument& argument);

// The IValue for `value`; undefined gives the default. Throws ArgumentFailure.
c10::IValue ToIValue(Environment& environment, napi_value value, const ArgumentType& type);

// The JavaScript value of a result: Tensor, number, boolean, string, null, or an array of these.
napi_value FromIValue(Environment& environment, c10::IValue value);
napi_value FromIValues(Environment& environment, c10::ArrayRef<c10::IValue> values);

const char* DtypeName(c10::ScalarType type);

// A short description of a JavaScript value for an error: 'a string', 'an array of 3', 'undefined'.
std::string Describe(napi_env env, napi_value value);
napi_value NumberArray(napi_env env, const int64_t* values, size_t count);

// Readers of one argument; each throws ArgumentFailure for another kind of value. Only ArrayElement can run code of
// the caller (a getter), so what a getter could change, such as the bytes of a typed array, is read after all else.
std::string ToText(napi_env env, napi_value value, const std::string& argument);
c10::ScalarType ToDtype(napi_env env, napi_value value, const std::string& argument);
c10::Device ToDevice(napi_env env, napi_value value, const std::string& argument);
// An integer in the safe range, or a bigint that fits 64 bits.
int64_t ToInt64(napi_env env, napi_value value, const std::string& argument);
uint32_t ArrayLength(napi_env env, napi_value value, const std::string& argument, const char* expected);
napi_value ArrayElement(napi_env env, napi_value array, uint32_t index);
std::vector<int64_t> ToIntVector(napi_env env, napi_value value, const std::string& argument);

// The bytes under a typed array or a Buffer, until JavaScript runs again.
struct Bytes {
  const uint8_t* data;
  size_t length;
};
Bytes ToBytesView(napi_env env, napi_value value, const std::string& argument);
// How many bytes `shape` takes; refuses negative sizes and products that overflow.
size_t ByteCount(const std::vector<int64_t>& shape, c10::ScalarType dtype);
// A bool that is neither 0 nor 1 makes kernels count wrongly: refused, from the caller as from a file.
void AssertElements(const uint8_t* data, size_t length, c10::ScalarType dtype);
at::Tensor CopyToTensor(const uint8_t* data, size_t length, at::IntArrayRef shape, c10::ScalarType dtype);
// An ArrayBuffer of that size, and its memory. Throws c10::OutOfMemoryError.
napi_value NewArrayBuffer(Environment& environment, size_t length, void** data);

}  // namespace bidora
