#include "convert.h"

#include <ATen/ScalarOps.h>
#include <ATen/core/List.h>
#include <ATen/core/jit_type.h>

#include <cmath>
#include <stdexcept>
#include <utility>

namespace bidora {

namespace {

using Kind = ArgumentType::Kind;

bool IsArray(napi_env env, napi_value value) {
  bool result = false;
  napi_is_array(env, value, &result);
  return result;
}

// JavaScript has one number type: an integral number becomes an integer scalar, as a Python int would.
at::Scalar ToScalar(napi_env env, napi_value value, const std::string& argument, const char* expected) {
  switch (TypeOf(env, value)) {
    case napi_boolean: {
      bool flag = false;
      napi_get_value_bool(env, value, &flag);
      return at::Scalar(flag);
    }
    case napi_bigint: return at::Scalar(ToInt64(env, value, argument));
    case napi_number: {
      double number = ToDouble(env, value, argument);
      bool integral = std::nearbyint(number) == number && std::abs(number) <= kMaxSafeInteger;
      bool negative_zero = number == 0 && std::signbit(number);
      return integral && !negative_zero ? at::Scalar(static_cast<int64_t>(number)) : at::Scalar(number);
    }
    default: throw ArgumentFailure{argument, expected, Describe(env, value)};
  }
}

at::Tensor ToTensor(Environment& environment, napi_value value, const ArgumentType& type) {
  napi_env env = environment.env();
  if (type.numbers) {
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
    std::string name = ToText(env, value, argument);
    if (name == "none") return 0;
    if (name == "mean") return 1;
    if (name == "sum") return 2;
  }
  throw ArgumentFailure{argument, "'none', 'mean' or 'sum'", Describe(env, value)};
}

int64_t ToMemoryFormat(napi_env env, napi_value value, const std::string& argument) {
  std::string name = TypeOf(env, value) == napi_string ? ToText(env, value, argument) : "";
  if (name == "contiguous") return static_cast<int64_t>(c10::MemoryFormat::Contiguous);
  if (name == "preserve") return static_cast<int64_t>(c10::MemoryFormat::Preserve);
  if (name == "channelsLast") return static_cast<int64_t>(c10::MemoryFormat::ChannelsLast);
  throw ArgumentFailure{argument, "'contiguous', 'preserve' or 'channelsLast'", Describe(env, value)};
}

c10::IValue ToElement(Environment& environment, napi_value value, const ArgumentType& type) {
  napi_env env = environment.env();
  switch (type.kind) {
    case Kind::kTensor: return ToTensor(environment, value, type);
    case Kind::kInt: return ToInt64(env, value, type.name);
    case Kind::kFloat: return ToDouble(env, value, type.name);
    case Kind::kNumber: return ToScalar(env, value, type.name, "a number");
    case Kind::kBool: return ToBool(env, value, type.name);
    case Kind::kString: return ToText(env, value, type.name);
    case Kind::kDtype: return static_cast<int64_t>(ToDtype(env, value, type.name));
    case Kind::kDevice: return ToDevice(env, value, type.name);
    case Kind::kMemoryFormat: return ToMemoryFormat(env, value, type.name);
    case Kind::kReduction: return ToReduction(env, value, type.name);
    default:
      throw ArgumentFailure{type.name, "nothing (this argument cannot be given from JavaScript)", Describe(env, value)};
  }
}

template <typename T, typename Convert>
c10::IValue ToList(napi_env env, napi_value value, const ArgumentType& type, Convert convert) {
  c10::List<T> list;
  if (!IsArray(env, value) && type.list_size > 0) {
    T one = convert(value);
    for (int64_t i = 0; i < type.list_size; i++) list.push_back(one);
    return list;
  }
  uint32_t length = ArrayLength(env, value, type.name, "an array");
  list.reserve(length);
  for (uint32_t i = 0; i < length; i++) list.push_back(convert(ArrayElement(env, value, i)));
  return list;
}

c10::IValue ToListValue(Environment& environment, napi_value value, const ArgumentType& type) {
  napi_env env = environment.env();
  auto to_tensor = [&](napi_value element) { return ToTensor(environment, element, type); };
  auto to_optional_tensor = [&](napi_value element) -> std::optional<at::Tensor> {
    napi_valuetype js = TypeOf(env, element);
    if (js == napi_null || js == napi_undefined) return std::nullopt;
    return ToTensor(environment, element, type);
  };
  auto to_int = [&](napi_value element) { return ToInt64(env, element, type.name); };
  auto to_double = [&](napi_value element) { return ToDouble(env, element, type.name); };
  auto to_bool = [&](napi_value element) { return ToBool(env, element, type.name); };
  switch (type.kind) {
    case Kind::kTensor:
      return type.optional_elements ? ToList<std::optional<at::Tensor>>(env, value, type, to_optional_tensor)
                                    : ToList<at::Tensor>(env, value, type, to_tensor);
    case Kind::kInt: return ToList<int64_t>(env, value, type, to_int);
    case Kind::kFloat: return ToList<double>(env, value, type, to_double);
    case Kind::kBool: return ToList<bool>(env, value, type, to_bool);
    case Kind::kNumber: {
      c10::impl::GenericList list(c10::NumberType::get());
      for (uint32_t i = 0, n = ArrayLength(env, value, type.name, "an array"); i < n; i++)
        list.push_back(ToScalar(env, ArrayElement(env, value, i), type.name, "a number"));
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
  result.written = argument.alias_info() != nullptr && argument.alias_info()->isWrite();
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
  if (value.isTuple()) return FromIValues(environment, value.toTupleRef().elements().vec());
  if (value.isList()) return FromIValues(environment, value.toListRef());
  if (value.isNone()) {
    Check(env, napi_get_null(env, &result));
  } else if (value.isBool()) {
    Check(env, napi_get_boolean(env, value.toBool(), &result));
  } else if (value.isInt()) {
    Check(env, napi_create_int64(env, value.toInt(), &result));
  } else if (value.isDouble()) {
    Check(env, napi_create_double(env, value.toDouble(), &result));
  } else if (value.isScalar()) {
    Check(env, napi_create_double(env, value.toScalar().toDouble(), &result));
  } else if (value.isString()) {
    const std::string& text = value.toStringRef();
    Check(env, napi_create_string_utf8(env, text.data(), text.size(), &result));
  } else {
    throw std::runtime_error("a result of type " + value.tagKind() + " has no JavaScript form");
  }
  return result;
}

napi_value FromIValues(Environment& environment, c10::ArrayRef<c10::IValue> values) {
  napi_env env = environment.env();
  napi_value array = nullptr;
  Check(env, napi_create_array_with_length(env, values.size(), &array));
  for (size_t i = 0; i < values.size(); i++)
    Check(env, napi_set_element(env, array, static_cast<uint32_t>(i), FromIValue(environment, values[i])));
  return array;
}

}  // namespace bidora
