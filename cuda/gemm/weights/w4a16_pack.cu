// Packing of four-bit weights into the layout of w4a16_layout.cuh, and the gather of activations for
// weights packed in another order. Neither lets the next kernel start early: products read weights
// before they wait for their predecessor.
#include "context.cuh"
#include "gemm/gemm.cuh"
#include "gemm/weights/w4a16_layout.cuh"

#include <cuda_fp16.h>

using namespace smq;

namespace {

struct PackCall {
  uint8_t* w;
  const uint32_t* qweight;
  const __half* scales;
  const uint8_t* zeros;
  const __half* offsets;
  const int32_t* order;
  int32_t n, n_offset, last;  // last: outputs from n_offset + n to here are padding
  int32_t k, group;
};

// Sets one nibble; neighbours in the word belong to other outputs, perhaps of another layer.
__device__ void set_nibble(uint32_t* word, int nibble, uint32_t q) {
  // Words start as they were; two exclusive-ors by one thread per nibble leave exactly q there.
  const uint32_t old = *reinterpret_cast<volatile uint32_t*>(word) >> (4 * nibble) & 15;
  atomicXor(word, (old ^ q) << (4 * nibble));
}

// One thread: one output of 8 inputs.
__global__ void pack_weights(PackCall call, w4a16::Layout layout) {
  wait_for_previous();
  const int64_t item = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  const int32_t width = call.last - call.n_offset;
  const int32_t output = int32_t(item % width);
  const int64_t chunk = item / width;
  if (chunk >= int64_t(layout.blocks) * (w4a16::kBlock / 8)) return;
  const int32_t row = call.n_offset + output, input = int32_t(chunk) * 8;
  uint8_t* unit = call.w + layout.unit(row, input);
  for (int i = 0; i < 8; ++i) {
    uint32_t q = 8;
    if (output < call.n && input + i < call.k) {
      int32_t from = input + i;
      if (call.order) from = min(max(call.order[from], 0), call.k - 1);
      q = call.qweight[int64_t(from / 8) * call.n + output] >> (from % 8 * 4) & 15;
    }
    const w4a16::Place place = w4a16::place(row, input + i);
    set_nibble(reinterpret_cast<uint32_t*>(unit) + place.word, place.nibble, q);
  }
  if (input % layout.grain == 0) {
    const bool real = output < call.n && input < call.k;
    const int64_t from = int64_t(input / call.group) * call.n + output;
    __half* const scale = reinterpret_cast<__half*>(call.w + layout.scale(row, input));
    scale[0] = real ? call.scales[from] : __half(0.0f);
    if (layout.zeros == SMQ_ZEROS_OFFSETS) scale[1] = real ? call.offsets[from] : __half(0.0f);
    if (layout.zeros == SMQ_ZEROS_POINTS) call.w[layout.zero(row, input)] = real ? call.zeros[from] & 15 : 8;
  }
}

__global__ void gather_columns(uint16_t* out, const uint16_t* x, const int32_t* order, int32_t k) {
  wait_for_previous();
  const int32_t j = blockIdx.x * blockDim.x + threadIdx.x;
  const int64_t row = int64_t(blockIdx.y) * k;
  if (j < k) out[row + j] = x[row + min(max(order[j], 0), k - 1)];
}

constexpr int kThreads = 256;

}  // namespace

int32_t smq::run_w4a16_bytes(int32_t n, int32_t k, int32_t group, int32_t zeros, int64_t* out) {
  Check check;
  if (check_units(check, n, k).failed()) return check.status();
  *out = w4a16::Layout(n, k, group, zeros).bytes();
  return SMQ_OK;
}

int32_t smq::run_w4a16_pack(smq_context* ctx, const W4A16Pack& args) {
  if (const int32_t status = enter(ctx)) return status;
  const int32_t zeros = args.offsets ? SMQ_ZEROS_OFFSETS : args.zeros ? SMQ_ZEROS_POINTS : SMQ_ZEROS_NONE;
  const w4a16::Layout layout(args.n_total, args.k, args.group, zeros);
  // Who packs the last outputs packs the padding behind them.
  const int32_t last =
      args.n_offset + args.n == args.n_total ? layout.tiles * w4a16::kTile : args.n_offset + args.n;
  const PackCall call{at<uint8_t>(args.w),      at<const uint32_t>(args.qweight),
                      at<const __half>(args.scales), at<const uint8_t>(args.zeros),
                      at<const __half>(args.offsets), args.order ? at<const int32_t>(args.order) : nullptr,
                      args.n, args.n_offset, last, args.k, args.group};
  const int64_t items = int64_t(last - args.n_offset) * layout.blocks * (w4a16::kBlock / 8);
  Check check;
  if (check.limit("n * k", items / kThreads, INT32_MAX - 1).failed()) return check.status();
  launch(ctx, pack_weights, uint32_t((items + kThreads - 1) / kThreads), kThreads, 0, call, layout);
  return launched(ctx, "the packing of four-bit weights");
}

int32_t smq::run_gather_columns(smq_context* ctx, uint64_t out, uint64_t x, uint64_t order,
                                int32_t m, int32_t k, int32_t) {
  if (const int32_t status = enter(ctx)) return status;
  constexpr int32_t kMostRows = 65535;
  for (int32_t first = 0; first < m; first += kMostRows) {
    const int32_t rows = m - first < kMostRows ? m - first : kMostRows;
    launch(ctx, gather_columns, dim3((k + kThreads - 1) / kThreads, rows), kThreads, 0,
           at<uint16_t>(out) + int64_t(first) * k, at<const uint16_t>(x) + int64_t(first) * k,
           at<const int32_t>(order), k);
  }
  return launched(ctx, "a gather of columns");
}
