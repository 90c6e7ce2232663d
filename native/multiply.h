// Products of a few rows with a matrix that is read in place, by oneDNN's kernels: no call packs anything, and no number of
// rows is new to them.
#pragma once

#include <cstdint>

namespace bidora {

constexpr int64_t kPanel = 64;  // columns of the result that one kernel makes

// Whether `Multiply` works on this machine.
bool CanMultiply();

// A matrix [inner, outer] in panels of kPanel columns: element (k, n) at data[n / kPanel * step + k * stride + n % kPanel].
struct Panels {
  const float* data;
  int64_t stride;  // between rows of a panel
  int64_t step;    // between panels
};

// A matrix [inner, outer] as it is stored, row by row.
inline Panels InPlace(const float* data, int64_t outer) { return {data, outer, kPanel}; }

struct MultiplyOptions {
  const float* bias = nullptr;  // [outer], where the sums begin
  bool accumulate = false;      // or with what is in `out`
};

// out [rows, outer] = x [rows, inner] times the matrix. Both are stored row by row.
void Multiply(const float* x, const Panels& matrix, float* out, int64_t rows, int64_t inner, int64_t outer,
              MultiplyOptions options = {});

// out [narrow, outer] = x^T times y, for x [rows, narrow] of few columns and y [rows, outer].
void MultiplyTransposed(const float* x, const float* y, float* out, int64_t rows, int64_t narrow, int64_t outer);

}  // namespace bidora
