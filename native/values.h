// Readers and makers of single JavaScript values.
#pragma once

#include <napi.h>

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <vector>

namespace bidora {

inline constexpr double kMaxSafeInteger = 9007199254740991.0;

napi_valuetype TypeOf(napi_env env, napi_value value);

// A short description of a JavaScript value for an error: 'a string', 'an array of 3', 'undefined'.
std::string Describe(napi_env env, napi_value value);
napi_value NumberArray(napi_env env, const int64_t* values, size_t count);
const char* DtypeName(c10::ScalarType type);

// Readers of one argument; each throws ArgumentFailure for another kind of value. Only ArrayElement can run code of
// the caller (a getter), so what a getter could change, such as the bytes of a typed array, is read after all else.
std::string ToText(napi_env env, napi_value value, const std::string& argument);
bool ToBool(napi_env env, napi_value value, const std::string& argument);
double ToDouble(napi_env env, napi_value value, const std::string& argument);
// An integer in the safe range, or a bigint that fits 64 bits.
int64_t ToInt64(napi_env env, napi_value value, const std::string& argument);
c10::ScalarType ToDtype(napi_env env, napi_value value, const std::string& argument);
c10::Device ToDevice(napi_env env, napi_value value, const std::string& argument);
uint32_t ArrayLength(napi_env env, napi_value value, const std::string& argument, const char* expected);
napi_value ArrayElement(napi_env env, napi_value array, uint32_t index);
std::vector<int64_t> ToIntVector(napi_env env, napi_value value, const std::string& argument);

}  // namespace bidora
