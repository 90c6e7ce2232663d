// Every operator of libtorch through one door: bound once by name, called boxed, arguments converted by its schema.
#include <ATen/core/dispatch/Dispatcher.h>

#include <memory>
#include <string>
#include <vector>

#include "convert.h"
#include "environment.h"

namespace bidora {

namespace {

constexpr size_t kMaxArguments = 24;

struct BoundOp {
  c10::OperatorHandle handle;
  std::string name;  // 'add.Tensor'
  std::vector<ArgumentType> arguments;
  int generator = -1;       // which argument is the generator
  bool returns_self = false;  // in place: gives back the very object it was called on
  Environment* environment;
};

const c10::FunctionSchema& FindSchema(napi_env env, napi_value name, napi_value overload, std::optional<c10::OperatorHandle>& handle) {
  std::string op = Napi::Value(env, name).ToString().Utf8Value();
  std::string variant = Napi::Value(env, overload).ToString().Utf8Value();
  handle = c10::Dispatcher::singleton().findSchema({op, variant});
  if (!handle) throw ArgumentFailure{"name", "an operator of this libtorch", "'" + op + (variant.empty() ? "" : "." + variant) + "'"};
  return handle->schema();
}

// The device a random op draws on: that of its first tensor, or the one asked for, or the CPU.
at::Device RandomDevice(const std::vector<c10::IValue>& stack) {
  for (size_t i = 0; i < stack.size(); i++) {
    if (stack[i].isTensor()) return stack[i].toTensor().device();
    if (stack[i].isDevice()) return stack[i].toDevice();
  }
  return at::Device(at::kCPU);
}

std::vector<c10::IValue> BuildStack(Environment& environment, const BoundOp& op, size_t count, napi_value* values) {
  if (count > op.arguments.size()) {
    throw ArgumentFailure{"arguments", "at most " + std::to_string(op.arguments.size()), std::to_string(count)};
  }
  std::vector<c10::IValue> stack;
  stack.reserve(op.arguments.size());
  for (size_t i = 0; i < op.arguments.size(); i++) {
    stack.push_back(static_cast<int>(i) == op.generator ? c10::IValue()
                                                       : ToIValue(environment, i < count ? values[i] : nullptr, op.arguments[i]));
  }
  if (op.generator >= 0) stack[op.generator] = environment.GeneratorFor(RandomDevice(stack));
  return stack;
}

void AddShapes(Failure& failure, Environment& environment, size_t count, napi_value* values) {
  for (size_t i = 0; i < count; i++) {
    Handle* handle = environment.Unwrap(values[i]);
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
  auto body = [&]() -> napi_value {
    std::vector<c10::IValue> stack = BuildStack(environment, op, count, values);
    try {
      op.handle.callBoxed(stack);
    } catch (const c10::Error& error) {
      bool memory = dynamic_cast<const c10::OutOfMemoryError*>(&error) || IsOutOfMemory(error.what_without_backtrace());
      // In place, half of the work may be done: only pure ops are tried again.
      if (!memory || op.returns_self) throw;
      stack = BuildStack(environment, op, count, values);
      environment.Reclaim(true);
      TrimAllocator();
      op.handle.callBoxed(stack);
    }
    if (op.returns_self) return values[0];
    if (stack.size() == 1) return FromIValue(environment, std::move(stack[0]));
    napi_value result = nullptr;
    if (stack.empty()) {
      napi_get_undefined(env, &result);
      return result;
    }
    napi_create_array_with_length(env, stack.size(), &result);
    for (size_t i = 0; i < stack.size(); i++) {
      napi_set_element(env, result, static_cast<uint32_t>(i), FromIValue(environment, std::move(stack[i])));
    }
    return result;
  };
  return Guard(environment, body, describe);
}

// bind(name, overload, numbersAllowed) => function of the schema's arguments in order
napi_value Bind(Environment& environment, const Napi::CallbackInfo& info) {
  napi_env env = info.Env();
  std::optional<c10::OperatorHandle> handle;
  const c10::FunctionSchema& schema = FindSchema(env, info[0], info[1], handle);
  if (schema.arguments().size() > kMaxArguments) {
    throw ArgumentFailure{"name", "an operator of at most 24 arguments", "'" + schema.name() + "'"};
  }
  auto op = std::make_unique<BoundOp>(BoundOp{*handle, "", {}, -1, false, &environment});
  op->name = schema.name().substr(schema.name().find("::") + 2) + (schema.overload_name().empty() ? "" : "." + schema.overload_name());
  bool numbers = info[2].ToBoolean().Value();
  for (const c10::Argument& argument : schema.arguments()) {
    ArgumentType type = ReadArgumentType(argument);
    // The first tensor says where and in what dtype the op runs, so it is never a number.
    type.numbers = numbers && type.kind == ArgumentType::Kind::kTensor && !op->arguments.empty();
    if (type.kind == ArgumentType::Kind::kGenerator) op->generator = static_cast<int>(op->arguments.size());
    op->arguments.push_back(std::move(type));
  }
  const auto& returns = schema.returns();
  op->returns_self = returns.size() == 1 && returns[0].alias_info() && returns[0].alias_info()->isWrite();
  napi_value function = nullptr;
  if (napi_create_function(env, op->name.c_str(), NAPI_AUTO_LENGTH, Call, op.get(), &function) != napi_ok) throw PendingException();
  napi_add_finalizer(
      env, function, op.release(), [](napi_env, void* data, void*) { delete static_cast<BoundOp*>(data); }, nullptr, nullptr);
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
  result.Set("written", argument.alias_info() && argument.alias_info()->isWrite());
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
  for (const c10::Argument& argument : schema.arguments()) arguments[arguments.Length()] = DescribeArgument(env, argument);
  result.Set("arguments", arguments);
  Napi::Array returns = Napi::Array::New(env);
  for (const c10::Argument& argument : schema.returns()) returns[returns.Length()] = DescribeArgument(env, argument);
  result.Set("returns", returns);
  return result;
}

}  // namespace

void ThrowFailure(Environment& environment, const Failure& failure) {
  Napi::Env env(environment.env());
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) return;
  if (environment.make_error.IsEmpty()) {
    napi_throw_error(env, failure.kind, failure.message.c_str());
    return;
  }
  Napi::Object facts = Napi::Object::New(env);
  facts.Set("kind", failure.kind);
  facts.Set("op", failure.op);
  facts.Set("message", failure.message);
  facts.Set("argument", failure.argument);
  facts.Set("expected", failure.expected);
  facts.Set("got", failure.got);
  Napi::Array shapes = Napi::Array::New(env, failure.shapes.size());
  for (size_t i = 0; i < failure.shapes.size(); i++) {
    shapes[static_cast<uint32_t>(i)] = Napi::Value(env, NumberArray(env, failure.shapes[i].data(), failure.shapes[i].size()));
  }
  facts.Set("shapes", shapes);
  napi_value argument = facts;
  napi_value undefined = env.Undefined();
  napi_value error = nullptr;
  if (napi_call_function(env, undefined, environment.make_error.Value(), 1, &argument, &error) == napi_ok) napi_throw(env, error);
}

void InitDispatch(Napi::Object exports) {
  Export<Bind>(exports, "bind");
  Export<SchemaOf>(exports, "schemaOf");
}

}  // namespace bidora
