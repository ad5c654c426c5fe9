// The context of the CUDA library: its stream, its memory, its graphs; how an op launches a kernel,
// and how a CUDA error becomes a status.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <cuda_runtime.h>

#include "common/address.h"
#include "common/context.h"
#include "common/error.h"
#include "common/ops.h"
#include "gemm/stream_call.cuh"

struct smq_event {
  cudaEvent_t event = nullptr;
  bool recorded = false;
  bool captured = false;  // recorded into a graph, which may outlive this handle
};

struct smq_graph {
  cudaGraphExec_t exec = nullptr;
  std::vector<smq_event*> events;  // that a launch records; some may be destroyed by then
};

namespace smq {

constexpr size_t kScratchBytes = size_t(64) << 20;
constexpr size_t kCounterBytes = size_t(1) << 20;

// Where a rotation writes: behind the committed slots of two caches.
struct Rotated {
  const void *k_cache = nullptr, *v_cache = nullptr;
  const int32_t* cache_length = nullptr;
};

// As many rows each of sequences side by side, with caches of their own: rotations, and attentions of their rows as far
// as they have come. All but the last have both.
struct Company {
  std::vector<RopeKv> rotations;
  std::vector<Attention> attentions;

  bool empty() const { return rotations.empty(); }
};

}  // namespace smq

struct smq_context : smq::ContextBase {
  cudaStream_t stream = nullptr;
  int device = 0;
  int sms = 0;         // multiprocessors
  int capability = 0;  // e.g. 90
  int shared = 0;      // bytes of shared memory that a block may have
  double bytes_a_microsecond = 0;  // that the memory brings to each multiprocessor
  // Memory for the inside of one op; contents undefined between ops.
  void* scratch = nullptr;
  size_t scratch_bytes = 0;
  // kCounterBytes that are zero between ops: an op that counts in them leaves them zero. Never data.
  uint32_t* counters = nullptr;
  // What the kernel queued last rotates, where it is smq_rope_kv.
  smq::Rotated rotated;
  // What the product queued last has left for the op behind it. Whatever else comes first has it added.
  std::optional<smq::Parts> parts;
  // The rotation of these parts, where attention may take it over. Whatever else comes first has it queued.
  std::optional<smq::RopeKv> rotation;
  // What waits for more of its kind, to be one launch with it (docs/adr/0054). Whatever else comes first has it queued.
  smq::Company company;
  int clusters_of_16 = -1;  // of small kernels that the device holds at once, -1 before anyone has asked
  int lone_clusters_of_16 = -1;  // of attention of one row, a multiprocessor for each block, likewise
  bool dead = false;  // an error that no later call can recover from
  std::vector<smq_event*> captured;  // events of the capture under way
  std::vector<cudaEvent_t> buried;   // of destroyed events that a graph may still record
};

namespace smq {

// Turns an error of the CUDA runtime into a status with a message, and clears it; marks the context
// dead where the error says so. `what` is the call in words.
int32_t cuda_status(smq_context* ctx, cudaError_t error, const char* what);

// Makes a device current on this thread.
inline cudaError_t use_device(int device) {
  thread_local int current = -1;
  if (current == device) return cudaSuccess;
  const cudaError_t error = cudaSetDevice(device);
  if (error == cudaSuccess) current = device;
  return error;
}

// The status of the launches that an op has just made.
inline int32_t launched(smq_context* ctx, const char* op) {
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess && !ctx->dead ? SMQ_OK : cuda_status(ctx, error, op);
}

// Launches the kernel that adds up the parts of the last product, which there are (docs/adr/0030): the rotation that
// waits for attention, if one does.
void add_parts(smq_context* ctx);

// The same for an op whose own kernel adds them.
inline Parts take_parts(smq_context* ctx) {
  const Parts parts = *ctx->parts;
  ctx->parts.reset();
  return parts;
}

// Launches what waits for company, of which there is some.
void queue_company(smq_context* ctx);

// Launches a kernel on the context's stream, in clusters of so many blocks. On capability 9.0 and above it may start
// before its predecessor has ended: every kernel calls wait_for_previous() before it touches memory that another
// kernel writes or reads. An error is kept for launched().
template <class... Parameters, class... Arguments>
cudaError_t launch_clusters(smq_context* ctx, unsigned cluster, void (*kernel)(Parameters...), dim3 grid,
                            dim3 block, size_t shared, Arguments&&... arguments) {
  if (!ctx->company.empty()) queue_company(ctx);
  if (ctx->parts) add_parts(ctx);
  if (const cudaError_t error = use_device(ctx->device)) return error;
  ctx->rotated = {};
  constexpr size_t kDefaultShared = 48 << 10;
  if (shared > kDefaultShared) {
    const cudaError_t error = cudaFuncSetAttribute(
        reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
        int(shared));
    if (error != cudaSuccess) return error;
  }
  cudaLaunchAttribute attributes[2]{};
  attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[0].val.programmaticStreamSerializationAllowed = 1;
  attributes[1].id = cudaLaunchAttributeClusterDimension;
  attributes[1].val.clusterDim = {cluster, 1, 1};
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  config.stream = ctx->stream;
  config.attrs = attributes;
  config.numAttrs = ctx->capability < 90 ? 0 : cluster == 1 ? 1 : 2;
  return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
}

// The same without clusters.
template <class... Parameters, class... Arguments>
cudaError_t launch(smq_context* ctx, void (*kernel)(Parameters...), dim3 grid, dim3 block,
                   size_t shared, Arguments&&... arguments) {
  return launch_clusters(ctx, 1, kernel, grid, block, shared, std::forward<Arguments>(arguments)...);
}

// Asks for multiprocessors whose fast memory is shared memory, as products want it. Small kernels between them ask
// for the same: a change would make the next product's block wait for their end.
template <class... Parameters>
void prefer_shared(void (*kernel)(Parameters...)) {
  cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                       cudaFuncAttributePreferredSharedMemoryCarveout, cudaSharedmemCarveoutMaxShared);
}

// Waits until all that was queued before this kernel has ended and its writes are seen.
__device__ __forceinline__ void wait_for_previous() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// Lets the next kernel start once every block of this one has said so; it still waits for the end of
// this one before it reads. Called early: what follows overlaps the next kernel's start. Products read weights
// before they wait, so a kernel that may write some never calls it; and every kernel waits somewhere, since the
// next one knows of the kernels before only by that.
__device__ __forceinline__ void let_next_start() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

}  // namespace smq
