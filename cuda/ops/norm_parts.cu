// RMS norm of the residual stream that a product has left in parts: a cluster of blocks takes eight rows, each block
// a tile of them or two, and tells the others the squares of its chunks; of one row of more tiles each thread takes two outputs.
// The order of sums is that of norm_row.cuh.
#include "gemm/ptx.cuh"
#include "gemm/stream/pair_of_one.cuh"
#include "ops/cluster.cuh"
#include "ops/norm_row.cuh"
#include "ops/parts.cuh"

namespace smq {
namespace {

constexpr int kThreads = kGroups * kGroupThreads;
constexpr int kChunk = 128;  // outputs of a chunk of norm_row.cuh, packs of four
constexpr int kMostCluster = 16, kPortableCluster = 8;  // blocks: of some devices, and of all with clusters
constexpr int kMostOutputs = 256;                       // of a block

// Tiles: of a block, side by side.
template <class T, Order O, int Tiles>
__global__ void __maxnreg__(registers_beside(O))
    norm_parts_kernel(const StreamCall call, const PartsOf<O> parts, T* out, int32_t out_stride, const T* weight,
                      float eps) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  let_next_start();
  using At = TileOutputs<O>;
  // What there are registers for; nine or ten workers share a tile of 4,096 outputs, and of weights of 16 bits about five.
  constexpr int kAhead = O == Order::kPairs ? 5 : Tiles > 1 ? 6 : 9;
  constexpr int kOutputs = Tiles * At::kTile, kChunks = kOutputs / kChunk;
  constexpr int kApart = kOutputs + 4;  // so that writers do not meet in a bank
  static_assert(kOutputs <= kMostOutputs, "the host counts on it");
  // The rows' outputs that are this block's, and the squares of all chunks of each row.
  __shared__ __align__(16) float values[8 * kApart];
  __shared__ float squares[8][kMostCluster * kChunks];
  __shared__ __align__(8) uint64_t told;
  const int blocks = gridDim.x, c = blockIdx.y, rows = min(8, call.m - 8 * c);
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  const int32_t chunks = call.n / kChunk, first_output = int32_t(blockIdx.x) * kOutputs;
  const uint32_t barrier = ptx::shared_address(&told);
  if (threadIdx.x == 0) {
    ptx::barrier_init(barrier, 1);
    ptx::barrier_init_fence();
    ptx::barrier_expect(barrier, rows * chunks * int(sizeof(float)));
  }
  cluster_arrive();
  TileWorkers workers[Tiles] = {};  // of tiles that do not exist too: not shared
  PartsHere<O, float> here[Tiles];
#pragma unroll
  for (int e = 0; e < Tiles; ++e) {
    const int tile = int(blockIdx.x) * Tiles + e;
    if (tile < call.split.tiles) workers[e].find(call.split, tile);
    here[e] = {call, parts, workers[e], group, thread, c};
  }
  const int32_t near = first_output + 4 * int(threadIdx.x);
  if (int(threadIdx.x) < kOutputs / 4 && near < call.n) asm volatile("prefetch.global.L2 [%0];" ::"l"(weight + near));
  wait_for_previous();
  const auto y_of = [&](int row, int32_t output) {
    return static_cast<float*>(call.y) + int64_t(8 * c + row) * call.n + output;
  };
  Pack<float, At::kWidth> old[Tiles][2][At::kPacks];
#pragma unroll
  for (int e = 0; e < Tiles; ++e) {
    each_pack<O>(call, group, thread, c, [&](int row, int column, int p, int first) {
      const int32_t output = first_output + e * At::kTile + first;
      if (output < call.n) old[e][column][p] = load<float, At::kWidth>(y_of(row, output));
    });
  }
  float sums[Tiles][PartsOf<O>::kOperands][4];
  sum_parts<kAhead>(sums, here, [] {});
#pragma unroll
  for (int e = 0; e < Tiles; ++e) {
    each_pack<O>(call, group, thread, c, [&](int row, int column, int p, int first) {
      const int32_t place = e * At::kTile + first, output = first_output + place;
      if (output >= call.n) return;
      auto pack = old[e][column][p];
      if (workers[e].shared()) {
        const auto sum = At::template pack<T>(call, sums[e], output, p, column);
#pragma unroll
        for (int i = 0; i < At::kWidth; ++i) pack.e[i] += sum.e[i];
        store(y_of(row, output), pack);
      }
      store(values + row * kApart + place, pack);
    });
  }
  __syncthreads();
  cluster_wait();
  // A warp takes a row.
  const int row = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (row >= rows) return;
  Pack<float, 4> held[kChunks];
  Pack<T, 4> by[kChunks];
#pragma unroll
  for (int p = 0; p < kChunks; ++p) {
    const int32_t output = first_output + p * kChunk;
    if (output >= call.n) break;
    by[p] = load<T, 4>(weight + output + 4 * lane);
    held[p] = load<float, 4>(values + row * kApart + p * kChunk + 4 * lane);
    const float sum = chunk_squares(held[p]);
    if (lane < blocks) tell(lane, ptx::shared_address(&squares[row][output / kChunk]), sum, barrier);
  }
  // Nobody leaves before all that others write to it has come.
  ptx::barrier_wait(barrier, 0);
  float mine = 0;
#pragma unroll
  for (int chunk = 0; chunk < kMostCluster * kChunks; chunk += 32) {
    if (chunk + lane < chunks) mine += squares[row][chunk + lane];
  }
  const float scale = norm_scale(mine, call.n, eps);
#pragma unroll
  for (int p = 0; p < kChunks; ++p) {
    const int32_t output = first_output + p * kChunk;
    if (output >= call.n) break;
    store(out + int64_t(8 * c + row) * out_stride + output + 4 * lane, scaled(held[p], scale, by[p]));
  }
#endif
}

// The same of one row of more tiles than a cluster has blocks: a thread takes two outputs.
template <class T, Order O>
__global__ void __maxnreg__(kRegistersBesideProduct)
    norm_one_kernel(const StreamCall call, const PartsOf<O> parts, T* out, const T* weight, float eps) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  let_next_start();
  using Pair = PairOfOne<O>;
  constexpr int kOutputs = 2 * kThreads;
  __shared__ __align__(16) float values[kOutputs];
  __shared__ float squares[kMostCluster * (kOutputs / kChunk)];
  __shared__ __align__(8) uint64_t told;
  const int blocks = gridDim.x, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int32_t chunks = call.n / kChunk, first_output = int32_t(blockIdx.x) * kOutputs;
  const uint32_t barrier = ptx::shared_address(&told);
  if (threadIdx.x == 0) {
    ptx::barrier_init(barrier, 1);
    ptx::barrier_init_fence();
    ptx::barrier_expect(barrier, chunks * int(sizeof(float)));
  }
  cluster_arrive();
  const int32_t place = Pair::output(int(threadIdx.x)), output = min(first_output + place, call.n - 1 - Pair::kApart);
  const bool held = first_output + place < call.n;
  const Pair pair(call, parts, output);
  float* const y = static_cast<float*>(call.y) + output;
  const int32_t chunk = first_output / kChunk + warp, mine = chunk * kChunk + 4 * lane;  // of a warp that has one
  const bool has_chunk = warp < kOutputs / kChunk && chunk < chunks;
  Pack<T, 4> by = {};
  if (has_chunk) by = load<T, 4>(weight + mine);
  cluster_wait();
  wait_for_previous();
  float old[2] = {};
  float2 sum = pair.sum([&] { old[0] = y[0], old[1] = y[Pair::kApart]; });
  if (pair.count > 0) {
    Pair::template add_bias<T>(sum, call, output);
    old[0] += sum.x, old[1] += sum.y;
    if (held) y[0] = old[0], y[Pair::kApart] = old[1];
  }
  values[place] = old[0], values[place + Pair::kApart] = old[1];
  __syncthreads();
  if (!has_chunk) return;
  const auto x = load<float, 4>(values + warp * kChunk + 4 * lane);
  const float square = chunk_squares(x);
  if (lane < blocks) tell(lane, ptx::shared_address(&squares[chunk]), square, barrier);
  // Nobody leaves before all that others write to it has come.
  ptx::barrier_wait(barrier, 0);
  float of_lane = 0;
#pragma unroll
  for (int at = 0; at < kMostCluster * (kOutputs / kChunk); at += 32) {
    if (at + lane < chunks) of_lane += squares[at + lane];
  }
  store(out + mine, scaled(x, norm_scale(of_lane, call.n, eps), by));
#endif
}

// Whether the device holds clusters of so many of the kernel's blocks.
template <class Kernel>
bool holds_clusters(smq_context* ctx, Kernel kernel, int blocks) {
  if (blocks <= kPortableCluster) return true;
  const void* const function = reinterpret_cast<const void*>(kernel);
  cudaFuncSetAttribute(function, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
  if (ctx->clusters_of_16 < 0) {
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim = {kMostCluster, 1, 1};
    cudaLaunchConfig_t config{};
    config.gridDim = kMostCluster;
    config.blockDim = kThreads;
    config.attrs = &attribute;
    config.numAttrs = 1;
    int clusters = 0;
    if (cudaOccupancyMaxActiveClusters(&clusters, function, &config) != cudaSuccess) cudaGetLastError();
    ctx->clusters_of_16 = clusters;
  }
  return ctx->clusters_of_16 > 0;
}

template <class T, Order O, int Tiles>
bool run(smq_context* ctx, T* out, int32_t out_stride, const T* weight, float eps) {
  const StreamCall& call = ctx->parts->call;
  int blocks = 1;
  while (blocks * Tiles < call.split.tiles) blocks *= 2;
  // One block alone is launched as no cluster, and there it cannot write to its shared memory as to a cluster's. More
  // than 16, a block would have to add up tiles one after the other, which takes longer than the kernels it saves.
  const auto kernel = norm_parts_kernel<T, O, Tiles>;
  if (blocks == 1 || blocks > kMostCluster || !holds_clusters(ctx, kernel, blocks)) return false;
  const Parts parts = take_parts(ctx);
  prefer_shared(kernel);
  launch_clusters(ctx, unsigned(blocks), kernel, dim3(unsigned(blocks), row_chunks(parts.call)), kThreads, 0,
                  parts.call, PartsOf<O>{parts.rows / 8}, out, out_stride, weight, eps);
  return true;
}

template <class T, Order O>
bool run_one(smq_context* ctx, T* out, const T* weight, float eps) {
  const StreamCall& call = ctx->parts->call;
  const int blocks = (call.n + 2 * kThreads - 1) / (2 * kThreads);
  const auto kernel = norm_one_kernel<T, O>;
  if (blocks == 1 || blocks > kMostCluster || !holds_clusters(ctx, kernel, blocks)) return false;
  const Parts parts = take_parts(ctx);
  prefer_shared(kernel);
  launch_clusters(ctx, unsigned(blocks), kernel, unsigned(blocks), kThreads, 0, parts.call, PartsOf<O>{parts.rows / 8}, out,
                  weight, eps);
  return true;
}

}  // namespace

bool rms_norm_of_parts(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x, uint64_t weight, int32_t m,
                       int32_t width, float eps, int32_t dtype) {
  if (ctx->capability < 90 || width % kChunk != 0) return false;
  if (!has_parts_of(ctx, at<void>(x), m, width, SMQ_RESIDUAL, dtype)) return false;
  return with_parts(*ctx->parts, [&](auto type, auto order) {
    using T = decltype(type);
    constexpr Order kOrder = decltype(order)::value;
    const auto run_with = [&](auto tiles) {
      return run<T, kOrder, decltype(tiles)::value>(ctx, at<T>(out), out_stride, at<const T>(weight), eps);
    };
    if (run_with(std::integral_constant<int, 1>())) return true;
    if constexpr (kOrder != Order::kPairs) {
      if (m == 1 && run_one<T, kOrder>(ctx, at<T>(out), at<const T>(weight), eps)) return true;
    }
    constexpr int kMostTiles = kMostOutputs / TileOutputs<kOrder>::kTile;
    return kMostTiles > 1 && run_with(std::integral_constant<int, kMostTiles>());
  });
}

}  // namespace smq
