// JavaScript values to IValues by schema type, and back: the only converter.
#pragma once

#include <napi.h>

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include <cstdint>
#include <optional>
#include <string>

#include "environment.h"
#include "values.h"

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

}  // namespace bidora
