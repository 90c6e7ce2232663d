#include "convert.h"

#include <ATen/Context.h>
#include <ATen/ScalarOps.h>
#include <ATen/core/List.h>
#include <ATen/core/jit_type.h>

#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
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

// Longer ones are a mistake, such as new Array(4e9), and would take the memory of the machine.
constexpr uint32_t kMaxListLength = 1u << 24;

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

double ToDouble(napi_env env, napi_value value, const std::string& argument) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok)
    throw ArgumentFailure{argument, "a number", Describe(env, value)};
  return number;
}

bool ToBool(napi_env env, napi_value value, const std::string& argument) {
  bool flag = false;
  if (napi_get_value_bool(env, value, &flag) != napi_ok)
    throw ArgumentFailure{argument, "true or false", Describe(env, value)};
  return flag;
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

const char* DtypeName(c10::ScalarType type) {
  for (const auto& [name, scalar_type] : kDtypes)
    if (scalar_type == type) return name;
  return c10::toString(type);
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

std::string ToText(napi_env env, napi_value value, const std::string& argument) {
  if (TypeOf(env, value) != napi_string) throw ArgumentFailure{argument, "a string", Describe(env, value)};
  return Text(env, value);
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

size_t ByteCount(const std::vector<int64_t>& shape, c10::ScalarType dtype) {
  auto bytes = static_cast<int64_t>(c10::elementSize(dtype));
  for (int64_t size : shape) {
    if (size < 0) throw ArgumentFailure{"shape", "sizes of 0 or more", std::to_string(size)};
    if (size > 0 && bytes > std::numeric_limits<int64_t>::max() / size)
      throw ArgumentFailure{"shape", "sizes whose product fits 64 bits", std::to_string(size)};
    bytes *= size;
  }
  return static_cast<size_t>(bytes);
}

Bytes ToBytesView(napi_env env, napi_value value, const std::string& argument) {
  bool is_typed_array = false;
  napi_is_typedarray(env, value, &is_typed_array);
  if (!is_typed_array) throw ArgumentFailure{argument, "a typed array", Describe(env, value)};
  auto type = static_cast<napi_typedarray_type>(-1);  // what Node-API leaves where it does not know the type
  size_t length = 0;
  void* data = nullptr;
  Check(env, napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr));
  size_t width = 0;
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array: width = 1; break;
    case napi_int16_array:
    case napi_uint16_array: width = 2; break;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array: width = 4; break;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array: width = 8; break;
    default: throw ArgumentFailure{argument, "a typed array of a known type", "another one"};
  }
  return {static_cast<const uint8_t*>(data), length * width};
}

// Where there is no memory V8's own function ends the process; JavaScript's constructor throws.
napi_value NewArrayBuffer(Environment& environment, size_t length, void** data) {
  constexpr size_t kSmall = 1 << 20;
  napi_env env = environment.env();
  napi_value buffer = nullptr;
  if (length <= kSmall) {
    Check(env, napi_create_arraybuffer(env, length, data, &buffer));
    return buffer;
  }
  napi_value size = nullptr;
  Check(env, napi_create_double(env, static_cast<double>(length), &size));
  if (napi_new_instance(env, environment.array_buffer.Value(), 1, &size, &buffer) != napi_ok) {
    napi_value ignored = nullptr;
    if (napi_get_and_clear_last_exception(env, &ignored) != napi_ok) throw PendingException();
    TORCH_CHECK_WITH(OutOfMemoryError, false, "JavaScript has no ArrayBuffer of ", length, " bytes");
  }
  Check(env, napi_get_arraybuffer_info(env, buffer, data, nullptr));
  return buffer;
}

}  // namespace bidora
