// Every operator of libtorch through one door: bound once by name, called boxed, arguments converted by its schema.
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "convert.h"
#include "environment.h"
#include "values.h"

namespace bidora {

namespace {

constexpr size_t kMaxArguments = 24;

struct BoundOp {
  c10::OperatorHandle handle;
  std::string name;  // 'add.Tensor'
  std::vector<ArgumentType> arguments;
  int generator = -1;         // which argument is the generator
  bool writes = false;        // changes one of its arguments
  bool returns_self = false;  // in place: gives back the very object it was called on
  Environment* environment;
};

const c10::FunctionSchema& FindSchema(napi_env env, napi_value name, napi_value overload,
                                      std::optional<c10::OperatorHandle>& handle) {
  std::string op = ToText(env, name, "name");
  std::string variant = ToText(env, overload, "overload");
  handle = c10::Dispatcher::singleton().findSchema({op, variant});
  if (!handle) {
    throw ArgumentFailure{"name", "an operator of this libtorch",
                          "'" + op + (variant.empty() ? "" : "." + variant) + "'"};
  }
  return handle->schema();
}

// The device a random op draws on: that of its first tensor, or the one asked for, or the CPU.
at::Device RandomDevice(const torch::jit::Stack& stack) {
  for (const c10::IValue& value : stack) {
    if (value.isTensor()) return value.toTensor().device();
    if (value.isDevice()) return value.toDevice();
  }
  return at::Device(at::kCPU);
}

torch::jit::Stack BuildStack(const BoundOp& op, size_t count, napi_value* values) {
  if (count > op.arguments.size())
    throw ArgumentFailure{"arguments", "at most " + std::to_string(op.arguments.size()), std::to_string(count)};
  torch::jit::Stack stack;
  stack.reserve(op.arguments.size());
  for (size_t i = 0; i < op.arguments.size(); i++) {
    // Ours alone: what the caller gave there is not looked at.
    bool generator = static_cast<int>(i) == op.generator;
    napi_value value = i < count ? values[i] : nullptr;
    stack.push_back(generator ? c10::IValue() : ToIValue(*op.environment, value, op.arguments[i]));
  }
  if (op.generator >= 0) {
    at::Device device = RandomDevice(stack);
    if (device.is_cpu() || device.is_cuda()) stack[op.generator] = op.environment->GeneratorFor(device);
  }
  return stack;
}

void AddShapes(Failure& failure, Environment& environment, size_t count, napi_value* values) {
  for (size_t i = 0; i < count; i++) {
    const Handle* handle = environment.Unwrap(values[i]);
    if (handle && handle->state == Handle::State::kLive) failure.shapes.push_back(handle->tensor.sizes().vec());
  }
}

napi_value Call(napi_env env, napi_callback_info info) {
  size_t count = kMaxArguments;
  napi_value values[kMaxArguments];
  void* data = nullptr;
  napi_get_cb_info(env, info, &count, values, nullptr, &data);
  auto& op = *static_cast<BoundOp*>(data);
  Environment& environment = *op.environment;
  auto describe = [&](Failure& failure) {
    failure.op = op.name;
    AddShapes(failure, environment, std::min(count, kMaxArguments), values);
  };
  auto run = [&] {
    torch::jit::Stack stack = BuildStack(op, count, values);
    op.handle.callBoxed(stack);
    return stack;
  };
  auto body = [&]() -> napi_value {
    // Where arguments are changed, half of the work may be done when memory runs out: only pure ops run again.
    torch::jit::Stack results = op.writes ? run() : environment.RetryOutOfMemory(run);
    if (op.returns_self) return values[0];
    if (results.size() == 1) return FromIValue(environment, std::move(results[0]));
    return results.empty() ? nullptr : FromIValues(environment, results);
  };
  return Guard(environment, body, describe);
}

// bind(name, overload, numbersAllowed) => function of the schema's arguments in order
napi_value Bind(Environment& environment, const Napi::CallbackInfo& info) {
  napi_env env = info.Env();
  std::optional<c10::OperatorHandle> handle;
  const c10::FunctionSchema& schema = FindSchema(env, info[0], info[1], handle);
  if (schema.arguments().size() > kMaxArguments)
    throw ArgumentFailure{"name", "an operator of at most 24 arguments", "'" + schema.name() + "'"};
  auto op = std::make_unique<BoundOp>(BoundOp{*handle, "", {}, -1, false, false, &environment});
  op->name = schema.name().substr(schema.name().find("::") + 2) +
             (schema.overload_name().empty() ? "" : "." + schema.overload_name());
  bool numbers = info[2].ToBoolean().Value();
  for (const c10::Argument& argument : schema.arguments()) {
    ArgumentType type = ReadArgumentType(argument);
    // The first tensor says where and in what dtype the op runs, so it is never a number.
    type.numbers = numbers && type.kind == ArgumentType::Kind::kTensor && !op->arguments.empty();
    if (type.kind == ArgumentType::Kind::kGenerator) op->generator = static_cast<int>(op->arguments.size());
    op->writes = op->writes || type.written;
    op->arguments.push_back(std::move(type));
  }
  // Not so where another argument (`out`) is the one that is written and given back.
  bool first_written = !op->arguments.empty() && op->arguments[0].written && !op->arguments[0].list;
  op->returns_self = first_written && schema.returns().size() == 1;
  napi_value function = nullptr;
  Check(env, napi_create_function(env, op->name.c_str(), NAPI_AUTO_LENGTH, Call, op.get(), &function));
  auto drop = [](napi_env, void* data, void*) { delete static_cast<BoundOp*>(data); };
  Check(env, napi_add_finalizer(env, function, op.get(), drop, nullptr, nullptr));
  op.release();
  return function;
}

const char* KindName(ArgumentType::Kind kind) {
  using Kind = ArgumentType::Kind;
  switch (kind) {
    case Kind::kTensor: return "tensor";
    case Kind::kInt: return "int";
    case Kind::kFloat: return "float";
    case Kind::kNumber: return "number";
    case Kind::kBool: return "bool";
    case Kind::kString: return "string";
    case Kind::kDtype: return "dtype";
    case Kind::kLayout: return "layout";
    case Kind::kMemoryFormat: return "memoryFormat";
    case Kind::kDevice: return "device";
    case Kind::kGenerator: return "generator";
    case Kind::kReduction: return "reduction";
    default: return "unsupported";
  }
}

Napi::Object DescribeArgument(Napi::Env env, const c10::Argument& argument) {
  ArgumentType type = ReadArgumentType(argument);
  Napi::Object result = Napi::Object::New(env);
  result.Set("name", type.name);
  result.Set("kind", KindName(type.kind));
  result.Set("list", type.list);
  result.Set("listSize", static_cast<double>(type.list_size));
  result.Set("optional", type.optional);
  result.Set("optionalElements", type.optional_elements);
  result.Set("hasDefault", type.default_value.has_value());
  result.Set("written", type.written);
  return result;
}

// schemaOf(name, overload) => { text, arguments, returns }
napi_value SchemaOf(Environment&, const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::optional<c10::OperatorHandle> handle;
  const c10::FunctionSchema& schema = FindSchema(env, info[0], info[1], handle);
  Napi::Object result = Napi::Object::New(env);
  result.Set("text", c10::toString(schema));
  Napi::Array arguments = Napi::Array::New(env);
  for (const c10::Argument& argument : schema.arguments())
    arguments[arguments.Length()] = DescribeArgument(env, argument);
  result.Set("arguments", arguments);
  Napi::Array returns = Napi::Array::New(env);
  for (const c10::Argument& argument : schema.returns()) returns[returns.Length()] = DescribeArgument(env, argument);
  result.Set("returns", returns);
  return result;
}

}  // namespace

void InitDispatch(Napi::Object exports) {
  Export<Bind>(exports, "bind");
  Export<SchemaOf>(exports, "schemaOf");
}

}  // namespace bidora
