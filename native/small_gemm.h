// Products of small matrices in registers, for attention over one text and head: those are too small, and of too many
// sizes, for a library's calls. AVX2; whoever calls checks for it.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstdint>

#define BIDORA_AVX2 __attribute__((target("avx2,fma")))

namespace bidora {

// A matrix read one element at a time: element (i, k) at data[i * row + k * column].
struct Strided {
  const float* data;
  int64_t row;
  int64_t column;
};

template <int Rows, int Vectors>
BIDORA_AVX2 inline void Tile(const Strided& a, const float* b, int64_t ldb, float* c, int64_t ldc, int64_t inner,
                             bool accumulate) {
  __m256 sum[Rows][Vectors];  // in registers: the loops over it have to be unrolled
#pragma GCC unroll 6
  for (int i = 0; i < Rows; i++)
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; v++) sum[i][v] = accumulate ? _mm256_loadu_ps(c + i * ldc + v * 8) : _mm256_setzero_ps();
  for (int64_t k = 0; k < inner; k++) {
    __m256 line[Vectors];
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; v++) line[v] = _mm256_loadu_ps(b + k * ldb + v * 8);
#pragma GCC unroll 6
    for (int i = 0; i < Rows; i++) {
      __m256 x = _mm256_broadcast_ss(a.data + i * a.row + k * a.column);
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; v++) sum[i][v] = _mm256_fmadd_ps(x, line[v], sum[i][v]);
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < Rows; i++)
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; v++) _mm256_storeu_ps(c + i * ldc + v * 8, sum[i][v]);
}

template <int Vectors>
BIDORA_AVX2 inline void TileRows(int64_t rows, const Strided& a, const float* b, int64_t ldb, float* c, int64_t ldc,
                                 int64_t inner, bool accumulate) {
  switch (rows) {
    case 1: return Tile<1, Vectors>(a, b, ldb, c, ldc, inner, accumulate);
    case 2: return Tile<2, Vectors>(a, b, ldb, c, ldc, inner, accumulate);
    case 3: return Tile<3, Vectors>(a, b, ldb, c, ldc, inner, accumulate);
    case 4: return Tile<4, Vectors>(a, b, ldb, c, ldc, inner, accumulate);
    case 5: return Tile<5, Vectors>(a, b, ldb, c, ldc, inner, accumulate);
    default: return Tile<6, Vectors>(a, b, ldb, c, ldc, inner, accumulate);
  }
}

// c [rows, cols] = a [rows, inner] b [inner, cols], or added to c; cols a multiple of 8, b and c with whole lines.
BIDORA_AVX2 inline void SmallGemm(int64_t rows, int64_t cols, int64_t inner, const Strided& a, const float* b,
                                  int64_t ldb, float* c, int64_t ldc, bool accumulate = false) {
  for (int64_t i = 0; i < rows; i += 6) {
    int64_t block = rows - i < 6 ? rows - i : 6;
    Strided from{a.data + i * a.row, a.row, a.column};
    int64_t j = 0;
    for (; j + 16 <= cols; j += 16) TileRows<2>(block, from, b + j, ldb, c + i * ldc + j, ldc, inner, accumulate);
    if (j < cols) TileRows<1>(block, from, b + j, ldb, c + i * ldc + j, ldc, inner, accumulate);
  }
}

// e^x for x at most about 0, to 2 units in the last place: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2] (Cephes' expf).
// What is no number stays none: the bound is the first operand, as the instruction gives its second one then.
BIDORA_AVX2 inline __m256 Exp(__m256 x) {
  x = _mm256_max_ps(_mm256_set1_ps(-87.3f), x);
  __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504088896341f)),
                             _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
  __m256 y = _mm256_set1_ps(1.9875691500e-4f);
  y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1.3981999507e-3f));
  y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(8.3334519073e-3f));
  y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(4.1665795894e-2f));
  y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(1.6666665459e-1f));
  y = _mm256_fmadd_ps(y, r, _mm256_set1_ps(5.0000001201e-1f));
  y = _mm256_fmadd_ps(y, _mm256_mul_ps(r, r), _mm256_add_ps(r, _mm256_set1_ps(1.0f)));
  __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(y, _mm256_castsi256_ps(power));
}

BIDORA_AVX2 inline float Sum(__m256 x) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  s = _mm_add_ss(s, _mm_shuffle_ps(s, s, 1));
  return _mm_cvtss_f32(s);
}

BIDORA_AVX2 inline float Largest(__m256 x) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  s = _mm_max_ss(s, _mm_shuffle_ps(s, s, 1));
  return _mm_cvtss_f32(s);
}

}  // namespace bidora
#endif
