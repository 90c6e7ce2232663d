// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"): random words that are a function of a key
// and a counter, so that every element has its own, whatever order they are made in.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace bidora {

// 32 words: word i is output i / 8 of counter block `group * 8 + i % 8` under `key`.
constexpr int64_t kWords = 32;

struct Philox {
  static constexpr uint32_t kMultiplyA = 0xD2511F53;
  static constexpr uint32_t kMultiplyB = 0xCD9E8D57;
  static constexpr uint32_t kWeylA = 0x9E3779B9;
  static constexpr uint32_t kWeylB = 0xBB67AE85;
  static constexpr int kRounds = 10;

  static void Words(uint64_t key, uint64_t group, uint32_t* words) {
    for (uint32_t lane = 0; lane < 8; lane++) {
      uint64_t block = group * 8 + lane;
      uint32_t c0 = static_cast<uint32_t>(block), c1 = static_cast<uint32_t>(block >> 32), c2 = 0, c3 = 0;
      uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
      for (int round = 0; round < kRounds; round++) {
        uint64_t a = static_cast<uint64_t>(kMultiplyA) * c0;
        uint64_t b = static_cast<uint64_t>(kMultiplyB) * c2;
        c0 = static_cast<uint32_t>(b >> 32) ^ c1 ^ k0;
        c2 = static_cast<uint32_t>(a >> 32) ^ c3 ^ k1;
        c1 = static_cast<uint32_t>(b);
        c3 = static_cast<uint32_t>(a);
        k0 += kWeylA;
        k1 += kWeylB;
      }
      words[lane] = c0;
      words[8 + lane] = c1;
      words[16 + lane] = c2;
      words[24 + lane] = c3;
    }
  }

#if defined(__x86_64__)
  // The compiler does not find 32 x 32 -> 64 bit products in the loop above.
  __attribute__((target("avx2"))) static inline void Product(__m256i x, __m256i multiplier, __m256i& high,
                                                             __m256i& low) {
    __m256i even = _mm256_mul_epu32(x, multiplier);
    __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), multiplier);
    low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
    high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
  }

  __attribute__((target("avx2"))) static inline void WordsAvx2(uint64_t key, uint64_t group, __m256i words[4]) {
    uint64_t block = group * 8;  // a multiple of 8: the lanes do not carry into the upper half
    __m256i c0 = _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(block)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    __m256i c1 = _mm256_set1_epi32(static_cast<int>(block >> 32));
    __m256i c2 = _mm256_setzero_si256(), c3 = _mm256_setzero_si256();
    const __m256i multiply_a = _mm256_set1_epi32(static_cast<int>(kMultiplyA));
    const __m256i multiply_b = _mm256_set1_epi32(static_cast<int>(kMultiplyB));
    uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
    for (int round = 0; round < kRounds; round++) {
      __m256i high_a, low_a, high_b, low_b;
      Product(c0, multiply_a, high_a, low_a);
      Product(c2, multiply_b, high_b, low_b);
      c0 = _mm256_xor_si256(_mm256_xor_si256(high_b, c1), _mm256_set1_epi32(static_cast<int>(k0)));
      c2 = _mm256_xor_si256(_mm256_xor_si256(high_a, c3), _mm256_set1_epi32(static_cast<int>(k1)));
      c1 = low_b;
      c3 = low_a;
      k0 += kWeylA;
      k1 += kWeylB;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
  }
#endif
};

// Which elements a dropout keeps: those whose word is below a bound.
struct KeepRule {
  uint64_t bound;  // (1 - p) 2^32
  double scale;    // 1 / (1 - p), 0 where nothing is kept
  explicit KeepRule(double p)
      : bound(static_cast<uint64_t>((1 - p) * 4294967296.0 + 0.5)), scale(p < 1 ? 1 / (1 - p) : 0) {}
};

#if defined(__x86_64__)
// The same rule for eight elements at once.
struct KeepEight {
  __m256 scale;
  __m256i bound;
  __m256i flip;
  bool all;

  // Signed comparison stands for the unsigned one after both sides are moved by 2^31; a bound of 2^32 keeps all.
  __attribute__((target("avx2"))) explicit KeepEight(const KeepRule& rule)
      : scale(_mm256_set1_ps(static_cast<float>(rule.scale))),
        bound(_mm256_set1_epi32(static_cast<int>(static_cast<uint32_t>(rule.bound) ^ 0x80000000u))),
        flip(_mm256_set1_epi32(static_cast<int>(0x80000000u))),
        all(rule.bound > 0xFFFFFFFFull) {}

  // scale * x where it is kept, else 0.
  __attribute__((target("avx2"))) __m256 operator()(__m256 x, __m256i words) const {
    __m256i kept = all ? _mm256_set1_epi32(-1) : _mm256_cmpgt_epi32(bound, _mm256_xor_si256(words, flip));
    return _mm256_and_ps(_mm256_mul_ps(x, scale), _mm256_castsi256_ps(kept));
  }
};
#endif

}  // namespace bidora
