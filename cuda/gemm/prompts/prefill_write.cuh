// Where a block of a product of many rows writes, 128 rows x 256 outputs; and how, where weights are operand A: a thread has
// 32 rows and four neighbouring outputs then.
#pragma once

#include "ops/elements.cuh"

namespace smq {

struct PrefillOut {
  void* y;           // T [m, n], or f32 where wide
  const void* bias;  // T [n], or none
  int32_t m, n, y_stride;
  bool wide, add;    // add: to what stands there
  bool vectors;      // whether four outputs can be written at once
};

// Of rows of which nothing is to be loaded.
struct NoRow {};

// Of every eight rows a thread has two. about(row): what is to be loaded for a row; value(j, e, that): four outputs from
// `output` on of the e-th of the j-th eight.
template <class T, class About, class Value>
__device__ __forceinline__ void write_tile(const PrefillOut& out, int32_t row_begin, int32_t output, About about,
                                           Value value) {
  const int32_t first_row = row_begin + 2 * (threadIdx.x % 4);
  const int64_t stride = out.y_stride, at = first_row * stride + output;
  float bias[4] = {};
  if (out.bias) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (output + i < out.n) bias[i] = widen(static_cast<const T*>(out.bias)[output + i]);
    }
  }
  const bool four = out.vectors && output + 3 < out.n;
  constexpr int kAtOnce = 4;  // pairs of rows of which all is loaded together: behind a store each costs a latency
#pragma unroll
  for (int first = 0; first < 16; first += kAtOnce) {
    const auto each = [&](auto body) {
#pragma unroll
      for (int j = 0; j < kAtOnce; ++j) {
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const int row = 8 * (first + j) + e;
          if (first_row + row < out.m) body(j, e, at + row * stride);
        }
      }
    };
    float4 old[kAtOnce][2] = {};
    decltype(about(0)) known[kAtOnce][2];
    each([&](int j, int e, int64_t) { known[j][e] = about(first_row + 8 * (first + j) + e); });
    if (four && out.add) {
      each([&](int j, int e, int64_t from) {
        old[j][e] = *reinterpret_cast<const float4*>(static_cast<const float*>(out.y) + from);
      });
    }
    const auto biased = [&](int j, int e) {
      const float4 x = value(first + j, e, known[j][e]);
      return make_float4(x.x + bias[0], x.y + bias[1], x.z + bias[2], x.w + bias[3]);
    };
    if (four && out.wide) {
      each([&](int j, int e, int64_t to) {
        const float4 x = old[j][e], y = biased(j, e);
        *reinterpret_cast<float4*>(static_cast<float*>(out.y) + to) =
            make_float4(x.x + y.x, x.y + y.y, x.z + y.z, x.w + y.w);
      });
    } else if (four) {
      each([&](int j, int e, int64_t to) {
        Pack<T, 4> pack;
        const float4 y = biased(j, e);
        pack.e[0] = narrow<T>(y.x), pack.e[1] = narrow<T>(y.y), pack.e[2] = narrow<T>(y.z), pack.e[3] = narrow<T>(y.w);
        store(static_cast<T*>(out.y) + to, pack);
      });
    } else {
      each([&](int j, int e, int64_t to) {
        const float4 v = biased(j, e);
        const float x[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          if (output + i >= out.n) break;
          if (out.wide) {
            float* const y = static_cast<float*>(out.y) + to + i;
            *y = out.add ? *y + x[i] : x[i];
          } else {
            static_cast<T*>(out.y)[to + i] = narrow<T>(x[i]);
          }
        }
      });
    }
  }
}

}  // namespace smq
