#include "convert.h"

#include <ATen/ScalarOps.h>
#include <ATen/core/List.h>
#include <ATen/core/jit_type.h>

#include <array>
#include <cmath>
#include <utility>

namespace bidora {

namespace {

using Kind = ArgumentType::Kind;

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

constexpr double kMaxSafeInteger = 9007199254740991.0;

std::string Text(napi_env env, napi_value value) { return Napi::String(env, value).Utf8Value(); }

napi_valuetype TypeOf(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type;
}

bool IsArray(napi_env env, napi_value value) {
  bool result = false;
  napi_is_array(env, value, &result);
  return result;
}

uint32_t Length(napi_env env, napi_value value) {
  uint32_t length = 0;
  napi_get_array_length(env, value, &length);
  return length;
}

napi_value Element(napi_env env, napi_value array, uint32_t index) {
  napi_value element = nullptr;
  if (napi_get_element(env, array, index, &element) != napi_ok) throw PendingException();
  return element;
}

double ToDouble(napi_env env, napi_value value, const std::string& argument) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) throw ArgumentFailure{argument, "a number", Describe(env, value)};
  return number;
}

// JavaScript has one number type: an integral number becomes an integer scalar, as a Python int would.
at::Scalar ToScalar(napi_env env, napi_value value, const std::string& argument, const char* expected) {
  switch (TypeOf(env, value)) {
    case napi_boolean: {
      bool flag = false;
      napi_get_value_bool(env, value, &flag);
      return at::Scalar(flag);
    }
    case napi_bigint:
      return at::Scalar(ToInt64(env, value, argument));
    case napi_number: {
      double number = ToDouble(env, value, argument);
      if (std::nearbyint(number) == number && std::abs(number) <= kMaxSafeInteger && !(number == 0 && std::signbit(number))) {
        return at::Scalar(static_cast<int64_t>(number));
      }
      return at::Scalar(number);
    }
    default:
      throw ArgumentFailure{argument, expected, Describe(env, value)};
  }
}

at::Tensor ToTensor(Environment& environment, napi_value value, const ArgumentType& type) {
  napi_env env = environment.env();
  if (type.numbers && !environment.Unwrap(value)) {
    napi_valuetype js = TypeOf(env, value);
    if (js == napi_number || js == napi_bigint || js == napi_boolean) {
      // Counts as a number in type promotion, as in Python: it does not turn float32 into float64.
      at::Tensor number = c10::scalar_to_tensor(ToScalar(env, value, type.name, "a number"));
      number.unsafeGetTensorImpl()->set_wrapped_number(true);
      return number;
    }
    if (js != napi_object) throw ArgumentFailure{type.name, "a Tensor or a number", Describe(env, value)};
  }
  return environment.Tensor(value, type.name.c_str());
}

int64_t ToReduction(napi_env env, napi_value value, const std::string& argument) {
  if (TypeOf(env, value) == napi_string) {
    std::string name = Text(env, value);
    if (name == "none") return 0;
    if (name == "mean") return 1;
    if (name == "sum") return 2;
  }
  throw ArgumentFailure{argument, "'none', 'mean' or 'sum'", Describe(env, value)};
}

int64_t ToMemoryFormat(napi_env env, napi_value value, const std::string& argument) {
  std::string name = TypeOf(env, value) == napi_string ? Text(env, value) : "";
  if (name == "contiguous") return static_cast<int64_t>(c10::MemoryFormat::Contiguous);
  if (name == "preserve") return static_cast<int64_t>(c10::MemoryFormat::Preserve);
  if (name == "channelsLast") return static_cast<int64_t>(c10::MemoryFormat::ChannelsLast);
  throw ArgumentFailure{argument, "'contiguous', 'preserve' or 'channelsLast'", Describe(env, value)};
}

c10::IValue ToElement(Environment& environment, napi_value value, const ArgumentType& type) {
  napi_env env = environment.env();
  switch (type.kind) {
    case Kind::kTensor:
      return ToTensor(environment, value, type);
    case Kind::kInt:
      return ToInt64(env, value, type.name);
    case Kind::kFloat:
      return ToDouble(env, value, type.name);
    case Kind::kNumber:
      return ToScalar(env, value, type.name, "a number");
    case Kind::kBool: {
      bool flag = false;
      if (napi_get_value_bool(env, value, &flag) != napi_ok) throw ArgumentFailure{type.name, "true or false", Describe(env, value)};
      return flag;
    }
    case Kind::kString:
      if (TypeOf(env, value) != napi_string) throw ArgumentFailure{type.name, "a string", Describe(env, value)};
      return Text(env, value);
    case Kind::kDtype:
      if (TypeOf(env, value) != napi_string) throw ArgumentFailure{type.name, "a dtype's name", Describe(env, value)};
      return static_cast<int64_t>(DtypeFromName(Text(env, value), type.name.c_str()));
    case Kind::kDevice:
      if (TypeOf(env, value) != napi_string) throw ArgumentFailure{type.name, "a device's name", Describe(env, value)};
      return DeviceFromName(Text(env, value), type.name.c_str());
    case Kind::kMemoryFormat:
      return ToMemoryFormat(env, value, type.name);
    case Kind::kReduction:
      return ToReduction(env, value, type.name);
    default:
      throw ArgumentFailure{type.name, "nothing (this argument cannot be given from JavaScript)", Describe(env, value)};
  }
}

template <typename T, typename Convert>
c10::IValue ToList(napi_env env, napi_value value, const ArgumentType& type, Convert convert) {
  c10::List<T> list;
  if (!IsArray(env, value)) {
    if (type.list_size == 0) throw ArgumentFailure{type.name, "an array", Describe(env, value)};
    T one = convert(value);
    for (int64_t i = 0; i < type.list_size; i++) list.push_back(one);
    return list;
  }
  uint32_t length = Length(env, value);
  list.reserve(length);
  for (uint32_t i = 0; i < length; i++) list.push_back(convert(Element(env, value, i)));
  return list;
}

c10::IValue ToListValue(Environment& environment, napi_value value, const ArgumentType& type) {
  napi_env env = environment.env();
  switch (type.kind) {
    case Kind::kTensor:
      if (type.optional_elements) {
        return ToList<std::optional<at::Tensor>>(env, value, type, [&](napi_value element) -> std::optional<at::Tensor> {
          napi_valuetype js = TypeOf(env, element);
          if (js == napi_null || js == napi_undefined) return std::nullopt;
          return ToTensor(environment, element, type);
        });
      }
      return ToList<at::Tensor>(env, value, type, [&](napi_value element) { return ToTensor(environment, element, type); });
    case Kind::kInt:
      return ToList<int64_t>(env, value, type, [&](napi_value element) { return ToInt64(env, element, type.name); });
    case Kind::kFloat:
      return ToList<double>(env, value, type, [&](napi_value element) { return ToDouble(env, element, type.name); });
    case Kind::kBool:
      return ToList<bool>(env, value, type, [&](napi_value element) { return ToElement(environment, element, type).toBool(); });
    case Kind::kNumber: {
      if (!IsArray(env, value)) throw ArgumentFailure{type.name, "an array", Describe(env, value)};
      c10::impl::GenericList list(c10::NumberType::get());
      for (uint32_t i = 0, n = Length(env, value); i < n; i++) {
        list.push_back(ToScalar(env, Element(env, value, i), type.name, "a number"));
      }
      return list;
    }
    default:
      throw ArgumentFailure{type.name, "nothing (this argument cannot be given from JavaScript)", Describe(env, value)};
  }
}

}  // namespace

ArgumentType ReadArgumentType(const c10::Argument& argument) {
  ArgumentType result;
  result.name = argument.name();
  result.default_value = argument.default_value();
  c10::TypePtr type = argument.real_type();
  if (auto optional = type->cast<c10::OptionalType>()) {
    result.optional = true;
    type = optional->getElementType();
  }
  if (auto list = type->cast<c10::ListType>()) {
    result.list = true;
    result.list_size = argument.N().value_or(0);
    type = list->getElementType();
    if (auto optional = type->cast<c10::OptionalType>()) {
      result.optional_elements = true;
      type = optional->getElementType();
    }
  }
  switch (type->kind()) {
    case c10::TypeKind::TensorType: result.kind = Kind::kTensor; break;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: result.kind = result.name == "reduction" ? Kind::kReduction : Kind::kInt; break;
    case c10::TypeKind::FloatType:
    case c10::TypeKind::SymFloatType: result.kind = Kind::kFloat; break;
    case c10::TypeKind::NumberType: result.kind = Kind::kNumber; break;
    case c10::TypeKind::BoolType: result.kind = Kind::kBool; break;
    case c10::TypeKind::StringType: result.kind = Kind::kString; break;
    case c10::TypeKind::DeviceObjType: result.kind = Kind::kDevice; break;
    case c10::TypeKind::GeneratorType: result.kind = Kind::kGenerator; break;
    case c10::TypeKind::ScalarTypeType: result.kind = Kind::kDtype; break;
    case c10::TypeKind::LayoutType: result.kind = Kind::kLayout; break;
    case c10::TypeKind::MemoryFormatType: result.kind = Kind::kMemoryFormat; break;
    default: result.kind = Kind::kUnsupported;
  }
  return result;
}

c10::IValue ToIValue(Environment& environment, napi_value value, const ArgumentType& type) {
  napi_valuetype js = value ? TypeOf(environment.env(), value) : napi_undefined;
  if (js == napi_undefined && type.default_value) return *type.default_value;
  if ((js == napi_undefined || js == napi_null) && type.optional) return c10::IValue();
  if (js == napi_undefined) throw ArgumentFailure{type.name, "a value", "undefined"};
  return type.list ? ToListValue(environment, value, type) : ToElement(environment, value, type);
}

napi_value FromIValue(Environment& environment, c10::IValue value) {
  napi_env env = environment.env();
  napi_value result = nullptr;
  if (value.isTensor()) return environment.Wrap(std::move(value).toTensor());
  if (value.isNone()) {
    napi_get_null(env, &result);
  } else if (value.isBool()) {
    napi_get_boolean(env, value.toBool(), &result);
  } else if (value.isInt()) {
    napi_create_int64(env, value.toInt(), &result);
  } else if (value.isDouble()) {
    napi_create_double(env, value.toDouble(), &result);
  } else if (value.isScalar()) {
    napi_create_double(env, value.toScalar().toDouble(), &result);
  } else if (value.isString()) {
    result = Napi::String::New(env, value.toStringRef());
  } else if (value.isTuple() || value.isList()) {
    std::vector<c10::IValue> elements = value.isTuple() ? value.toTupleRef().elements().vec() : value.toListRef().vec();
    napi_create_array_with_length(env, elements.size(), &result);
    for (size_t i = 0; i < elements.size(); i++) {
      napi_set_element(env, result, static_cast<uint32_t>(i), FromIValue(environment, std::move(elements[i])));
    }
  } else {
    throw std::runtime_error("a result of type " + value.tagKind() + " has no JavaScript form");
  }
  return result;
}

const char* DtypeName(c10::ScalarType type) {
  for (const auto& [name, scalar_type] : kDtypes) {
    if (scalar_type == type) return name;
  }
  return c10::toString(type);
}

c10::ScalarType DtypeFromName(const std::string& name, const char* argument) {
  for (const auto& [known, scalar_type] : kDtypes) {
    if (name == known) return scalar_type;
  }
  std::string all;
  for (const auto& entry : kDtypes) all += (all.empty() ? "" : ", ") + std::string(entry.first);
  throw ArgumentFailure{argument, "one of " + all, "'" + name + "'"};
}

c10::Device DeviceFromName(const std::string& name, const char* argument) {
  try {
    c10::Device device(name);
    if (device.is_cpu() || device.is_cuda() || device.is_meta()) return device;
  } catch (const c10::Error&) {
    // falls through to the one sentence for both
  }
  throw ArgumentFailure{argument, "'cpu', 'cuda' or 'cuda:N'", "'" + name + "'"};
}

std::string Describe(napi_env env, napi_value value) {
  if (!value) return "nothing";
  switch (TypeOf(env, value)) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "a boolean";
    case napi_number: return "the number " + Napi::Value(env, value).ToString().Utf8Value();
    case napi_bigint: return "a bigint";
    case napi_string: {
      std::string text = Text(env, value);
      return "'" + (text.size() > 60 ? text.substr(0, 57) + "..." : text) + "'";
    }
    case napi_symbol: return "a symbol";
    case napi_function: return "a function";
    default: break;
  }
  if (IsArray(env, value)) return "an array of " + std::to_string(Length(env, value));
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

int64_t ToInt64(napi_env env, napi_value value, const std::string& argument) {
  if (TypeOf(env, value) == napi_bigint) {
    int64_t result = 0;
    bool lossless = false;
    napi_get_value_bigint_int64(env, value, &result, &lossless);
    if (!lossless) throw ArgumentFailure{argument, "an integer of 64 bits", "a larger bigint"};
    return result;
  }
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) throw ArgumentFailure{argument, "an integer", Describe(env, value)};
  if (std::nearbyint(number) != number || std::abs(number) > kMaxSafeInteger) {
    throw ArgumentFailure{argument, "an integer in the safe range", Describe(env, value)};
  }
  return static_cast<int64_t>(number);
}

std::vector<int64_t> IntVector(napi_env env, napi_value value, const char* argument) {
  if (!IsArray(env, value)) throw ArgumentFailure{argument, "an array of integers", Describe(env, value)};
  std::vector<int64_t> result;
  for (uint32_t i = 0, n = Length(env, value); i < n; i++) result.push_back(ToInt64(env, Element(env, value, i), argument));
  return result;
}

}  // namespace bidora
