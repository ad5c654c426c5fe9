// RMS norm of the residual stream that a product has left in parts: a cluster of blocks takes eight rows, each block
// some tiles of them, and tells the others the squares of its chunks. The order of sums is that of norm_row.cuh.
#include <algorithm>

#include "gemm/parts.cuh"
#include "gemm/ptx.cuh"
#include "ops/norm_row.cuh"
#include "ops/parts.cuh"

namespace smq {
namespace {

constexpr int kThreads = kGroups * kGroupThreads;
constexpr int kChunk = 128;                        // outputs of a chunk of norm_row.cuh, packs of four
constexpr int kMostCluster = 16, kMostChunks = 8;  // blocks; chunks of a block
constexpr int kPad = 4;                            // floats behind a row: so that writers do not meet in a bank

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900

// Once every block of the cluster has arrived, all have begun, and their barriers can be used. Nothing else is told
// by it: a release would wait for stores to global memory.
__device__ __forceinline__ void cluster_arrive() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
}
__device__ __forceinline__ void cluster_wait() {
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}

// The same place in the shared memory of another block of the cluster.
__device__ __forceinline__ uint32_t address_in(int block, uint32_t shared) {
  uint32_t there;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(shared), "r"(block));
  return there;
}
// Writes to the same place of another block, whose barrier hears of the bytes.
__device__ __forceinline__ void tell(int block, const float* to, float value, uint32_t barrier) {
  asm volatile("st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b32 [%0], %1, [%2];" ::"r"(
                   address_in(block, ptx::shared_address(to))),
               "r"(__float_as_uint(value)), "r"(address_in(block, barrier))
               : "memory");
}

#endif

// Shared memory: the rows' outputs that are this block's, then the squares of all chunks of each row.
template <class T, Order O>
__global__ void __launch_bounds__(kThreads, 2)
    norm_parts_kernel(const StreamCall call, const PartsOf<O> parts, T* out, int32_t out_stride, const T* weight,
                      float eps, int32_t tiles_each) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  let_next_start();
  using At = TileOutputs<O>;
  constexpr int kAhead = 9, kTileChunks = At::kTile / kChunk;
  extern __shared__ __align__(16) float values[];
  __shared__ TileWorkers all_workers[kMostChunks];  // a tile is a chunk at least
  const int blocks = gridDim.x, block = blockIdx.x, c = blockIdx.y, rows = min(8, call.m - 8 * c);
  const int group = threadIdx.x / kGroupThreads, thread = threadIdx.x % kGroupThreads;
  const int32_t apart = tiles_each * At::kTile + kPad, chunks = call.n / kChunk;
  float* const squares = values + rows * apart;
  __shared__ __align__(8) uint64_t told;
  const uint32_t barrier = ptx::shared_address(&told);
  if (threadIdx.x == 0) {
    ptx::barrier_init(barrier, 1);
    ptx::barrier_init_fence();
    ptx::barrier_expect(barrier, rows * chunks * int(sizeof(float)));
  }
  cluster_arrive();
  const auto tile_of_block = [&](int place) { return block + place * blocks; };
  if (int(threadIdx.x) < tiles_each && tile_of_block(threadIdx.x) < call.split.tiles) {
    all_workers[threadIdx.x].find(call.split, tile_of_block(threadIdx.x));
  }
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (int p = warp; p < tiles_each * kTileChunks; p += kNormWarps) {
    const int32_t first = tile_of_block(p / kTileChunks) * At::kTile + p % kTileChunks * kChunk + 4 * lane;
    if (first < call.n) asm volatile("prefetch.global.L2 [%0];" ::"l"(weight + first));
  }
  __syncthreads();
  wait_for_previous();
  for (int place = 0; place < tiles_each && tile_of_block(place) < call.split.tiles; ++place) {
    const int32_t tile = tile_of_block(place);
    const TileWorkers workers[1] = {all_workers[place]};
    const auto y_of = [&](int row, int32_t output) {
      return static_cast<float*>(call.y) + int64_t(8 * c + row) * call.n + output;
    };
    Pack<float, At::kWidth> old[2][At::kPacks];
    each_pack<O>(call, group, thread, c, [&](int row, int column, int p, int first) {
      const int32_t output = tile * At::kTile + first;
      if (output < call.n) old[column][p] = load<float, At::kWidth>(y_of(row, output));
    });
    float sums[1][PartsOf<O>::kOperands][4];
    sum_parts<kAhead>(sums, call, parts, workers, group, thread, c, [] {});
    each_pack<O>(call, group, thread, c, [&](int row, int column, int p, int first) {
      const int32_t output = tile * At::kTile + first;
      if (output >= call.n) return;
      auto pack = old[column][p];
      if (workers[0].shared()) {
        const auto sum = At::template pack<T>(call, sums[0], output, p, column);
#pragma unroll
        for (int e = 0; e < At::kWidth; ++e) pack.e[e] += sum.e[e];
        store(y_of(row, output), pack);
      }
      store(values + row * apart + place * At::kTile + first, pack);
    });
  }
  __syncthreads();
  // A warp takes a row.
  const int row = warp;
  Pack<float, 4> held[kMostChunks] = {};
  Pack<T, 4> by[kMostChunks] = {};
  const auto output_of = [&](int p) {
    return tile_of_block(p / kTileChunks) * At::kTile + p % kTileChunks * kChunk;
  };
  const auto exists = [&](int p) { return row < rows && p < tiles_each * kTileChunks && output_of(p) < call.n; };
  cluster_wait();
#pragma unroll
  for (int p = 0; p < kMostChunks; ++p) {
    if (!exists(p)) continue;
    by[p] = load<T, 4>(weight + output_of(p) + 4 * lane);
    held[p] = load<float, 4>(values + row * apart + p * kChunk + 4 * lane);
    const float sum = chunk_squares(held[p]);
    if (lane < blocks) tell(lane, squares + row * chunks + output_of(p) / kChunk, sum, barrier);
  }
  if (row >= rows) return;
  ptx::barrier_wait(barrier, 0);
  float mine = 0;
#pragma unroll 1
  for (int32_t chunk = lane; chunk < chunks; chunk += 32) mine += squares[row * chunks + chunk];
  const float scale = norm_scale(mine, call.n, eps);
#pragma unroll
  for (int p = 0; p < kMostChunks; ++p) {
    if (!exists(p)) continue;
    store(out + int64_t(8 * c + row) * out_stride + output_of(p) + 4 * lane, scaled(held[p], scale, by[p]));
  }
#endif
}

// The blocks of a cluster: a tile each, where the device has clusters as large.
template <class Kernel>
int cluster_for(smq_context* ctx, Kernel kernel, int tiles) {
  constexpr int kPortable = 8;
  int blocks = 1;
  while (blocks < tiles && blocks < kMostCluster) blocks *= 2;
  if (blocks <= kPortable) return blocks;
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
  return ctx->clusters_of_16 > 0 ? blocks : kPortable;
}

}  // namespace

bool rms_norm_of_parts(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x, uint64_t weight, int32_t m,
                       int32_t width, float eps, int32_t dtype) {
  if (ctx->capability < 90 || width % kChunk != 0 || width > kMostCluster / 2 * kMostChunks * kChunk) return false;
  if (!has_parts_of(ctx, at<void>(x), m, width, SMQ_RESIDUAL, dtype)) return false;
  const Parts parts = take_parts(ctx);
  with_parts(parts, [&](auto type, auto order) {
    using T = decltype(type);
    const auto kernel = norm_parts_kernel<T, decltype(order)::value>;
    prefer_shared(kernel);
    const int tiles = parts.call.split.tiles, blocks = cluster_for(ctx, kernel, tiles);
    const int tiles_each = (tiles + blocks - 1) / blocks, rows = std::min(m, 8);
    const size_t shared = size_t(rows) * (tiles_each * tile_of(parts) + kPad + width / kChunk) * sizeof(float);
    launch_clusters(ctx, unsigned(blocks), kernel, dim3(unsigned(blocks), row_chunks(parts.call)), kThreads, shared,
                    parts.call, PartsOf<decltype(order)::value>{parts.rows / 8}, at<T>(out), out_stride,
                    at<const T>(weight), eps, tiles_each);
  });
  return true;
}

}  // namespace smq
