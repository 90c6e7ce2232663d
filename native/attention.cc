// Attention over texts that lie one after the other, without padding ("Attention is all you need", with dropout of the
// weights): every text and head by itself, in the rows as they are. The weights are computed again in the backward
// (FlashAttention), so that only one number a row and head is kept for it.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "environment.h"
#include "fused.h"
#include "philox.h"
#include "small_gemm.h"
#include "values.h"

namespace bidora {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Legend: texts one after the other; `first` [texts + 1] the row of each one's first token; queries are those rows, or
// one a text. longest: tokens of the longest text, which places in the masks count by.
struct Work {
  std::vector<int64_t> first;
  int64_t heads;
  int64_t longest;
  double p;
  uint64_t key;

  int64_t texts() const { return static_cast<int64_t>(first.size()) - 1; }
  int64_t rows() const { return first.back(); }
};

bool CanAttend() {
#if defined(__x86_64__)
  static const bool can = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return can;
#else
  return false;
#endif
}

#if defined(__x86_64__)

// One text and head: where its rows are, and buffers for its weights.
struct Piece {
  int64_t text, head, length, asking;  // tokens; tokens that ask
  int64_t padded;                      // length rounded up to whole vectors
  const float *q, *k, *v;              // [asking or length, headDim], rows `hidden` apart
  int64_t hidden, dim;
  bool asks_first;  // first tokens alone ask
};

Piece PieceAt(const Work& work, int64_t index, const float* q, const float* k, const float* v, int64_t hidden,
              bool of_first) {
  int64_t text = index / work.heads, head = index % work.heads;
  int64_t begin = work.first[text], length = work.first[text + 1] - begin;
  int64_t dim = hidden / work.heads, column = head * dim;
  int64_t asking_row = of_first ? text : begin;
  return {text, head, length, of_first ? 1 : length, (length + 7) / 8 * 8, q + asking_row * hidden + column,
          k + begin * hidden + column, v + begin * hidden + column, hidden, dim, of_first};
}

// [length, dim] to [dim, padded], zeros at the end.
void Transpose(const float* from, const Piece& piece, float* to) {
  for (int64_t d = 0; d < piece.dim; d++) {
    float* line = to + d * piece.padded;
    for (int64_t i = 0; i < piece.length; i++) line[i] = from[i * piece.hidden + d];
    for (int64_t i = piece.length; i < piece.padded; i++) line[i] = 0;
  }
}

// Multiplies a row of weights by its mask.
BIDORA_AVX2 void DropRow(float* row, const Work& work, const Piece& piece, int64_t query) {
  if (work.p == 0) return;
  const KeepEight keep{KeepRule(work.p)};
  int64_t groups = (work.longest + kWords - 1) / kWords;
  // The row that it has where the weights of all texts lie side by side, [texts, heads, asking, longest].
  int64_t asking = piece.asks_first ? 1 : work.longest;
  int64_t place = (piece.text * work.heads + piece.head) * asking + query;
  for (int64_t c = 0; c < piece.padded; c += kWords) {
    __m256i words[4];
    Philox::WordsAvx2(work.key, static_cast<uint64_t>(place * groups + c / kWords), words);
    for (int part = 0; part < 4 && c + part * 8 < piece.padded; part++) {
      float* at = row + c + part * 8;
      _mm256_storeu_ps(at, keep(_mm256_loadu_ps(at), words[part]));
    }
  }
}

// Scores to weights; returns log(sum(exp(scale * scores))).
BIDORA_AVX2 float Softmax(float* row, const Piece& piece, float scale) {
  for (int64_t i = piece.length; i < piece.padded; i++) row[i] = -std::numeric_limits<float>::infinity();
  __m256 most = _mm256_loadu_ps(row);
  for (int64_t i = 8; i < piece.padded; i += 8) most = _mm256_max_ps(most, _mm256_loadu_ps(row + i));
  float largest = Largest(most) * scale;
  const __m256 shift = _mm256_set1_ps(-largest), factor = _mm256_set1_ps(scale);
  __m256 sum = _mm256_setzero_ps();
  for (int64_t i = 0; i < piece.padded; i += 8) {
    __m256 e = Exp(_mm256_fmadd_ps(_mm256_loadu_ps(row + i), factor, shift));
    if (i + 8 > piece.length) {
      alignas(32) float last[8];
      _mm256_store_ps(last, e);
      for (int64_t j = piece.length - i; j < 8; j++) last[j] = 0;
      e = _mm256_load_ps(last);
    }
    _mm256_storeu_ps(row + i, e);
    sum = _mm256_add_ps(sum, e);
  }
  float total = Sum(sum);
  const __m256 inverse = _mm256_set1_ps(1 / total);
  for (int64_t i = 0; i < piece.padded; i += 8)
    _mm256_storeu_ps(row + i, _mm256_mul_ps(_mm256_loadu_ps(row + i), inverse));
  return largest + std::log(total);
}

// The weights again, from what the forward has kept.
BIDORA_AVX2 void WeightsAgain(float* row, const Piece& piece, float scale, float log_sum) {
  const __m256 shift = _mm256_set1_ps(-log_sum), factor = _mm256_set1_ps(scale);
  for (int64_t i = 0; i < piece.padded; i += 8)
    _mm256_storeu_ps(row + i, Exp(_mm256_fmadd_ps(_mm256_loadu_ps(row + i), factor, shift)));
  for (int64_t i = piece.length; i < piece.padded; i++) row[i] = 0;
}

BIDORA_AVX2 void ForwardPiece(const Work& work, const Piece& piece, float* out, float* log_sums, float* buffer) {
  float scale = 1 / std::sqrt(static_cast<float>(piece.dim));
  float* keys = buffer;                              // [dim, padded]
  float* weights = keys + piece.dim * piece.padded;  // [asking, padded]
  Transpose(piece.k, piece, keys);
  SmallGemm(piece.asking, piece.padded, piece.dim, {piece.q, piece.hidden, 1}, keys, piece.padded, weights,
            piece.padded);
  for (int64_t i = 0; i < piece.asking; i++) {
    log_sums[i * work.heads] = Softmax(weights + i * piece.padded, piece, scale);
    DropRow(weights + i * piece.padded, work, piece, i);
  }
  SmallGemm(piece.asking, piece.dim, piece.length, {weights, piece.padded, 1}, piece.v, piece.hidden, out,
            piece.hidden);
}

// With W the weights, D their dropped form, S the scores, and g the gradient of the output:
//     dV = D^T g,  dD = g V^T,  dW = mask dD,  dS = W (dW - rowsum(dW W)),  dQ = scale dS K,  dK = scale dS^T Q
BIDORA_AVX2 void BackwardPiece(const Work& work, const Piece& piece, const float* gradient, const float* log_sums,
                               float* dq, float* dk, float* dv, float* buffer) {
  float scale = 1 / std::sqrt(static_cast<float>(piece.dim));
  int64_t padded = piece.padded, asking = piece.asking, size = asking * padded;
  float* turned = buffer;                    // [dim, padded]: keys, then values
  float* weights = turned + piece.dim * padded;  // [asking, padded]
  float* dropped = weights + size;
  float* scores = dropped + size;
  Transpose(piece.k, piece, turned);
  SmallGemm(asking, padded, piece.dim, {piece.q, piece.hidden, 1}, turned, padded, weights, padded);
  Transpose(piece.v, piece, turned);
  SmallGemm(asking, padded, piece.dim, {gradient, piece.hidden, 1}, turned, padded, scores, padded);
  for (int64_t i = 0; i < asking; i++) {
    float *w = weights + i * padded, *d = dropped + i * padded, *s = scores + i * padded;
    WeightsAgain(w, piece, scale, log_sums[i * work.heads]);
    std::fill(d, d + padded, 1.0f);
    DropRow(d, work, piece, i);  // the mask
    for (int64_t j = 0; j < padded; j += 8) {
      __m256 mask = _mm256_loadu_ps(d + j);
      _mm256_storeu_ps(s + j, _mm256_mul_ps(_mm256_loadu_ps(s + j), mask));
      _mm256_storeu_ps(d + j, _mm256_mul_ps(_mm256_loadu_ps(w + j), mask));
    }
    __m256 both = _mm256_setzero_ps();
    for (int64_t j = 0; j < padded; j += 8)
      both = _mm256_fmadd_ps(_mm256_loadu_ps(s + j), _mm256_loadu_ps(w + j), both);
    const __m256 mean = _mm256_set1_ps(Sum(both)), factor = _mm256_set1_ps(scale);
    for (int64_t j = 0; j < padded; j += 8) {
      __m256 moved = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(s + j), mean), factor);
      _mm256_storeu_ps(s + j, _mm256_mul_ps(moved, _mm256_loadu_ps(w + j)));
    }
  }
  SmallGemm(asking, piece.dim, piece.length, {scores, padded, 1}, piece.k, piece.hidden, dq, piece.hidden);
  SmallGemm(piece.length, piece.dim, asking, {scores, 1, padded}, piece.q, piece.hidden, dk, piece.hidden);
  SmallGemm(piece.length, piece.dim, asking, {dropped, 1, padded}, gradient, piece.hidden, dv, piece.hidden);
}

template <typename Run>
void ForEachPiece(const Work& work, int64_t floats, Run&& run) {
  int64_t pieces = work.texts() * work.heads;
  int64_t grain = std::max<int64_t>(1, 20000 / std::max<int64_t>(1, work.longest * work.longest));
  at::parallel_for(0, pieces, grain, [&](int64_t begin, int64_t end) {
    std::vector<float> buffer(static_cast<size_t>(floats));
    for (int64_t i = begin; i < end; i++) run(i, buffer.data());
  });
}

#endif

struct Attended {
  at::Tensor out;       // as the query
  at::Tensor log_sums;  // [queries, heads]
};

Attended Forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Work& work) {
  int64_t hidden = q.size(1);
  Attended result{at::empty_like(q), at::empty({q.size(0), work.heads}, q.options())};
#if defined(__x86_64__)
  bool of_first = q.size(0) != work.rows();
  int64_t queries = of_first ? 1 : work.longest, padded = (work.longest + 7) / 8 * 8;
  const float *pq = q.const_data_ptr<float>(), *pk = k.const_data_ptr<float>(), *pv = v.const_data_ptr<float>();
  float *out = result.out.mutable_data_ptr<float>(), *log_sums = result.log_sums.mutable_data_ptr<float>();
  ForEachPiece(work, padded * (hidden / work.heads + queries), [&](int64_t i, float* buffer) {
    Piece piece = PieceAt(work, i, pq, pk, pv, hidden, of_first);
    int64_t row = of_first ? piece.text : work.first[piece.text];
    ForwardPiece(work, piece, out + (piece.q - pq), log_sums + row * work.heads + piece.head, buffer);
  });
#endif
  return result;
}

variable_list Backward(const at::Tensor& gradient, const variable_list& saved, const Work& work) {
  const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &log_sums = saved[3];
  at::Tensor g = gradient.contiguous(), dq = at::empty_like(q), dk = at::empty_like(k), dv = at::empty_like(v);
#if defined(__x86_64__)
  int64_t hidden = q.size(1);
  bool of_first = q.size(0) != work.rows();
  int64_t queries = of_first ? 1 : work.longest, padded = (work.longest + 7) / 8 * 8;
  const float *pq = q.const_data_ptr<float>(), *pk = k.const_data_ptr<float>(), *pv = v.const_data_ptr<float>();
  const float *pg = g.const_data_ptr<float>(), *sums = log_sums.const_data_ptr<float>();
  float *to_q = dq.mutable_data_ptr<float>(), *to_k = dk.mutable_data_ptr<float>(), *to_v = dv.mutable_data_ptr<float>();
  ForEachPiece(work, padded * (hidden / work.heads + 3 * queries), [&](int64_t i, float* buffer) {
    Piece piece = PieceAt(work, i, pq, pk, pv, hidden, of_first);
    int64_t row = of_first ? piece.text : work.first[piece.text];
    BackwardPiece(work, piece, pg + (piece.q - pq), sums + row * work.heads + piece.head,
                  to_q + (piece.q - pq), to_k + (piece.k - pk), to_v + (piece.v - pv), buffer);
  });
#endif
  return {dq, dk, dv};
}

class AttentionNode : public Function<AttentionNode> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const Work& work) {
    Attended attended = Forward(q, k, v, work);
    context->save_for_backward({q, k, v, attended.log_sums});
    context->saved_data["first"] = work.first;
    context->saved_data["heads"] = work.heads;
    context->saved_data["longest"] = work.longest;
    context->saved_data["p"] = work.p;
    context->saved_data["key"] = static_cast<int64_t>(work.key);
    return attended.out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    variable_list saved = context->get_saved_variables();
    bool tangents = HasTangent(gradients[0]) || HasTangent(saved[0]) || HasTangent(saved[1]) || HasTangent(saved[2]);
    TORCH_CHECK(!at::GradMode::is_enabled() && !tangents,
                "attention: the fused kernel has no second derivative; choose the explicit one for it "
                "(useAttentionKernel(model, 'explicit'))");
    if (!gradients[0].defined()) return {at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
    auto& data = context->saved_data;
    Work work{data["first"].toIntVector(), data["heads"].toInt(), data["longest"].toInt(), data["p"].toDouble(),
              static_cast<uint64_t>(data["key"].toInt())};
    variable_list result = Backward(gradients[0], saved, work);
    result.emplace_back();  // for `work`
    return result;
  }
};

// canAttend(query, heads) => whether `attention` computes it here
napi_value CanAttendEntry(Environment& environment, const Napi::CallbackInfo& info) {
  const at::Tensor& q = environment.Tensor(info[0], "query");
  int64_t heads = ToInt64(info.Env(), info[1], "heads");
  bool can = CanAttend() && q.is_cpu() && q.scalar_type() == at::kFloat && q.dim() == 2 && heads > 0 &&
             q.size(1) % (heads * 8) == 0;
  return Napi::Boolean::New(info.Env(), can);
}

// attention(query [rows or texts, hidden], key [rows, hidden], value, lengths, heads, p) => as the query
napi_value AttentionOp(Environment& environment, const Napi::CallbackInfo& info) {
  at::Tensor q = environment.Tensor(info[0], "query").contiguous();
  at::Tensor k = environment.Tensor(info[1], "key").contiguous();
  at::Tensor v = environment.Tensor(info[2], "value").contiguous();
  Work work{{0}, ToInt64(info.Env(), info[4], "heads"), 0, ToDouble(info.Env(), info[5], "p"), 0};
  for (int64_t length : ToIntVector(info.Env(), info[3], "lengths")) {
    if (length < 1) throw ArgumentFailure{"lengths", "texts of one token and more", std::to_string(length)};
    work.first.push_back(work.first.back() + length);
    work.longest = std::max(work.longest, length);
  }
  if (!(work.p >= 0 && work.p <= 1)) throw ArgumentFailure{"p", "a probability from 0 to 1", std::to_string(work.p)};
  auto fits = [&](const at::Tensor& tensor) {
    return tensor.is_cpu() && tensor.scalar_type() == at::kFloat && tensor.dim() == 2 && tensor.size(1) == q.size(1) &&
           tensor.size(0) == work.rows();
  };
  bool asks = q.dim() == 2 && (fits(q) || (q.is_cpu() && q.scalar_type() == at::kFloat && q.size(0) == work.texts()));
  if (!CanAttend() || !asks || work.heads < 1 || q.size(1) % (work.heads * 8) != 0)
    throw ArgumentFailure{"query", "float32 [rows or texts, hidden], eight numbers a head at least", DescribeTensor(q)};
  if (!fits(k) || !fits(v))
    throw ArgumentFailure{"key", "key and value float32 [" + std::to_string(work.rows()) + ", hidden]", DescribeTensor(k)};
  if (work.p > 0) work.key = DrawKey(environment);
  return environment.Wrap(environment.RetryOutOfMemory([&] {
    bool graph = at::GradMode::is_enabled() && (q.requires_grad() || k.requires_grad() || v.requires_grad());
    return graph ? AttentionNode::apply(q, k, v, work) : Forward(q, k, v, work).out;
  }));
}

}  // namespace

void InitAttention(Napi::Object exports) {
  Export<CanAttendEntry>(exports, "canAttend");
  Export<AttentionOp>(exports, "attention");
}

}  // namespace bidora
