#include "multiply.h"

#include <ATen/Parallel.h>
#include <ATen/native/CPUBlas.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace bidora {

namespace {

constexpr int64_t kDepth = 1024;  // most of the inner dimension in one go: a panel then fits the second cache
constexpr int64_t kGrain = 1 << 21;  // least multiplications of one thread: some 40 us, about what it takes to wake one

// Rows (or depth) of one call: few different numbers, as each is a kernel of its own.
int64_t Block(int64_t left) {
  for (int64_t block : {128, 64, 32, 16})
    if (left >= block) return block;
  return left;
}

void Kernel(int64_t rows, int64_t cols, int64_t inner, const float* a, int64_t lda, const float* b, int64_t ldb,
            float* c, int64_t ldc, bool accumulate) {
#if defined(CPUBLAS_BRGEMM_F32F32F32)
  at::native::cpublas::brgemm(rows, cols, inner, lda, ldb, ldc, accumulate, a, b, c);
#endif
}

}  // namespace

bool CanMultiply() {
#if defined(__x86_64__) && defined(CPUBLAS_BRGEMM_F32F32F32)
  static const bool can = __builtin_cpu_supports("avx2");
  return can;
#else
  return false;
#endif
}

void Multiply(const float* x, const Panels& matrix, float* out, int64_t rows, int64_t inner, int64_t outer,
              MultiplyOptions options) {
  int64_t panels = (outer + kPanel - 1) / kPanel;
  int64_t pieces = (inner + kDepth - 1) / kDepth;
  int64_t depth = pieces == 1 ? inner : ((inner + pieces - 1) / pieces + 15) / 16 * 16;
  // With several threads: parts of the rows too, as there may be fewer panels than threads.
  int64_t threads = at::in_parallel_region() ? 1 : at::get_num_threads();
  int64_t parts = threads > 1 ? std::max<int64_t>(1, std::min<int64_t>(threads, rows / 64)) : 1;
  int64_t part_rows = ((rows + parts - 1) / parts + 15) / 16 * 16;
  int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, part_rows * inner * kPanel));
  at::parallel_for(0, panels * parts, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      int64_t n = task / parts * kPanel, width = std::min(kPanel, outer - n);
      const float* panel = matrix.data + task / parts * matrix.step;
      int64_t last = std::min(rows, (task % parts + 1) * part_rows);
      for (int64_t row = task % parts * part_rows; row < last;) {
        int64_t block = Block(last - row);
        float* to = out + row * outer + n;
        if (options.bias)
          for (int64_t i = 0; i < block; i++)
            std::memcpy(to + i * outer, options.bias + n, static_cast<size_t>(width) * sizeof(float));
        bool begun = options.bias || options.accumulate;
        for (int64_t k = 0; k < inner; k += depth)
          Kernel(block, width, std::min(depth, inner - k), x + row * inner + k, inner, panel + k * matrix.stride,
                 matrix.stride, to, outer, begun || k > 0);
        row += block;
      }
    }
  });
}

void MultiplyTransposed(const float* x, const float* y, float* out, int64_t rows, int64_t narrow, int64_t outer) {
  constexpr int64_t kRows = 128;
  // Turned in blocks of one width, so that kernels do not depend on the number of rows.
  int64_t blocks = (rows + kRows - 1) / kRows;
  std::vector<float> turned(static_cast<size_t>(blocks * narrow * kRows));
  for (int64_t row = 0; row < rows; row++) {
    float* to = turned.data() + row / kRows * narrow * kRows + row % kRows;
    for (int64_t i = 0; i < narrow; i++) to[i * kRows] = x[row * narrow + i];
  }
  int64_t panels = (outer + kPanel - 1) / kPanel;
  int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, rows * narrow * kPanel));
  at::parallel_for(0, panels, grain, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; panel++) {
      int64_t n = panel * kPanel, width = std::min(kPanel, outer - n);
      for (int64_t row = 0; row < rows;) {
        int64_t block = Block(std::min(kRows - row % kRows, rows - row));
        Kernel(narrow, width, block, turned.data() + row / kRows * narrow * kRows + row % kRows, kRows,
               y + row * outer + n, outer, out + n, outer, row > 0);
        row += block;
      }
    }
  });
}

}  // namespace bidora
