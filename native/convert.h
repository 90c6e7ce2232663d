// JavaScript values to IValues by schema type, and back: the only converter.
#pragma once

#include <napi.h>

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>
#include <c10/core/ScalarType.h>

#include <optional>
#include <string>
#include <vector>

#include "environment.h"

namespace bidora {

// What a schema's argument takes, read once when the op is bound.
struct ArgumentType {
  enum class Kind : uint8_t { kTensor, kInt, kFloat, kNumber, kBool, kString, kDtype, kLayout, kMemoryFormat, kDevice, kGenerator, kReduction, kUnsupported };
  Kind kind = Kind::kUnsupported;
  bool list = false;
  bool optional = false;           // None is allowed
  bool optional_elements = false;  // Tensor?[]
  int64_t list_size = 0;           // int[2]: one number stands for two
  bool numbers = false;            // a number may stand for a tensor (the table says where)
  std::string name;
  std::optional<c10::IValue> default_value;
};

ArgumentType ReadArgumentType(const c10::Argument& argument);

// The IValue for `value`; undefined gives the default. Throws ArgumentFailure.
c10::IValue ToIValue(Environment& environment, napi_value value, const ArgumentType& type);

// The JavaScript value of a result: Tensor, number, boolean, string, null, or an array of these.
napi_value FromIValue(Environment& environment, c10::IValue value);

const char* DtypeName(c10::ScalarType type);
c10::ScalarType DtypeFromName(const std::string& name, const char* argument);
c10::Device DeviceFromName(const std::string& name, const char* argument);

// A short description of a JavaScript value for an error: 'a string', 'an array of 3', 'undefined'.
std::string Describe(napi_env env, napi_value value);
napi_value NumberArray(napi_env env, const int64_t* values, size_t count);
std::vector<int64_t> IntVector(napi_env env, napi_value value, const char* argument);
// An integer in the safe range, or a bigint that fits 64 bits. Throws ArgumentFailure.
int64_t ToInt64(napi_env env, napi_value value, const std::string& argument);

}  // namespace bidora
