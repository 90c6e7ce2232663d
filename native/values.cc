#include "values.h"

#include <ATen/Context.h>

#include <array>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <utility>

#include "environment.h"

namespace bidora {

namespace {

constexpr std::array<std::pair<const char*, c10::ScalarType>, 10> kDtypes = {{
    {"float32", c10::ScalarType::Float},
    {"float64", c10::ScalarType::Double},
    {"bfloat16", c10::ScalarType::BFloat16},
    {"float16", c10::ScalarType::Half},
    {"int64", c10::ScalarType::Long},
    {"int32", c10::ScalarType::Int},
    {"int16", c10::ScalarType::Short},
    {"int8", c10::ScalarType::Char},
    {"uint8", c10::ScalarType::Byte},
    {"bool", c10::ScalarType::Bool},
}};

// Longer ones are a mistake, such as new Array(4e9), and would take the memory of the machine.
constexpr uint32_t kMaxListLength = 1u << 24;

// Of a value that is known to be a string.
std::string Text(napi_env env, napi_value value) {
  size_t length = 0;
  Check(env, napi_get_value_string_utf8(env, value, nullptr, 0, &length));
  std::string text(length + 1, '\0');
  Check(env, napi_get_value_string_utf8(env, value, text.data(), text.size(), &length));
  text.resize(length);
  return text;
}

std::optional<c10::Device> ParseDevice(const std::string& name) {
  try {
    c10::Device device(name);
    bool known = device.is_cpu() || device.is_cuda() || device.is_meta();
    // An index beyond libtorch's range comes back as another one.
    if (known && device.str() == name) return device;
  } catch (const std::exception&) {
    // no device's name
  }
  return std::nullopt;
}

}  // namespace

napi_valuetype TypeOf(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type;
}

std::string Describe(napi_env env, napi_value value) {
  if (!value) return "nothing";
  switch (TypeOf(env, value)) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "a boolean";
    case napi_number: {
      napi_value text = nullptr;
      Check(env, napi_coerce_to_string(env, value, &text));
      return "the number " + Text(env, text);
    }
    case napi_bigint: return "a bigint";
    case napi_string: {
      std::string text = Text(env, value);
      return "'" + (text.size() > 60 ? text.substr(0, 57) + "..." : text) + "'";
    }
    case napi_symbol: return "a symbol";
    case napi_function: return "a function";
    default: break;
  }
  uint32_t length = 0;
  if (napi_get_array_length(env, value, &length) == napi_ok) return "an array of " + std::to_string(length);
  return "an object";
}

napi_value NumberArray(napi_env env, const int64_t* values, size_t count) {
  napi_value array = nullptr;
  napi_create_array_with_length(env, count, &array);
  for (size_t i = 0; i < count; i++) {
    napi_value number = nullptr;
    napi_create_int64(env, values[i], &number);
    napi_set_element(env, array, static_cast<uint32_t>(i), number);
  }
  return array;
}

const char* DtypeName(c10::ScalarType type) {
  for (const auto& [name, scalar_type] : kDtypes)
    if (scalar_type == type) return name;
  return c10::toString(type);
}

std::string ToText(napi_env env, napi_value value, const std::string& argument) {
  if (TypeOf(env, value) != napi_string) throw ArgumentFailure{argument, "a string", Describe(env, value)};
  return Text(env, value);
}

bool ToBool(napi_env env, napi_value value, const std::string& argument) {
  bool flag = false;
  if (napi_get_value_bool(env, value, &flag) != napi_ok)
    throw ArgumentFailure{argument, "true or false", Describe(env, value)};
  return flag;
}

double ToDouble(napi_env env, napi_value value, const std::string& argument) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok)
    throw ArgumentFailure{argument, "a number", Describe(env, value)};
  return number;
}

int64_t ToInt64(napi_env env, napi_value value, const std::string& argument) {
  if (TypeOf(env, value) == napi_bigint) {
    int64_t result = 0;
    bool lossless = false;
    napi_get_value_bigint_int64(env, value, &result, &lossless);
    if (!lossless) throw ArgumentFailure{argument, "an integer of 64 bits", "a larger bigint"};
    return result;
  }
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok)
    throw ArgumentFailure{argument, "an integer", Describe(env, value)};
  if (std::nearbyint(number) != number || std::abs(number) > kMaxSafeInteger)
    throw ArgumentFailure{argument, "an integer in the safe range", Describe(env, value)};
  return static_cast<int64_t>(number);
}

c10::ScalarType ToDtype(napi_env env, napi_value value, const std::string& argument) {
  std::string all;
  if (TypeOf(env, value) == napi_string) {
    std::string name = Text(env, value);
    for (const auto& [known, scalar_type] : kDtypes)
      if (name == known) return scalar_type;
  }
  for (const auto& entry : kDtypes) all += (all.empty() ? "" : ", ") + std::string(entry.first);
  throw ArgumentFailure{argument, "one of " + all, Describe(env, value)};
}

c10::Device ToDevice(napi_env env, napi_value value, const std::string& argument) {
  std::optional<c10::Device> device = TypeOf(env, value) == napi_string ? ParseDevice(Text(env, value)) : std::nullopt;
  if (!device) throw ArgumentFailure{argument, "'cpu', 'cuda' or 'cuda:N'", Describe(env, value)};
  // Some operators use CUDA before they ask whether it is there, and then fail with an error that says little.
  if (device->is_cuda()) at::globalContext().lazyInitDevice(c10::kCUDA);
  return *device;
}

uint32_t ArrayLength(napi_env env, napi_value value, const std::string& argument, const char* expected) {
  uint32_t length = 0;
  if (napi_get_array_length(env, value, &length) != napi_ok)
    throw ArgumentFailure{argument, expected, Describe(env, value)};
  if (length > kMaxListLength)
    throw ArgumentFailure{argument, "at most " + std::to_string(kMaxListLength) + " elements", std::to_string(length)};
  return length;
}

napi_value ArrayElement(napi_env env, napi_value array, uint32_t index) {
  napi_value element = nullptr;
  Check(env, napi_get_element(env, array, index, &element));
  return element;
}

std::vector<int64_t> ToIntVector(napi_env env, napi_value value, const std::string& argument) {
  std::vector<int64_t> result;
  for (uint32_t i = 0, n = ArrayLength(env, value, argument, "an array of integers"); i < n; i++)
    result.push_back(ToInt64(env, ArrayElement(env, value, i), argument));
  return result;
}

}  // namespace bidora
