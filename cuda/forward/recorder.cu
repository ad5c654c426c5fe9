// What a capture keeps back, and how a program is made of it.
#include "forward/recorder.cuh"

#include <algorithm>
#include <memory>

#include "common/error.h"
#include "gemm/stream.cuh"
#include "gemm/w4a16_layout.cuh"
#include "ops/elements.cuh"

namespace smq {
namespace forward {
namespace {

// A program whose instructions are still on the host.
struct Written {
  std::vector<Instruction> instructions;
  void* device;
};

}  // namespace

struct Recorder {
  std::vector<Instruction> waiting;
  std::vector<std::function<int32_t()>> alone;  // queues each call of an op by itself
  std::vector<GemmArgs> products;
  int32_t dtype = 0;
  bool bypassed = false;
  std::vector<Written> written;
  int32_t status = SMQ_OK;
  std::string message;

  void clear() {
    waiting.clear();
    alone.clear();
    products.clear();
  }
};

namespace {

Recorder* recorder(smq_context* ctx) {
  if (!ctx->recorder) ctx->recorder = std::make_shared<Recorder>();
  return ctx->recorder.get();
}

bool can_take(smq_context* ctx, int32_t dtype) {
  if (!ctx->capturing || !available(ctx)) return false;
  Recorder* const to = recorder(ctx);
  if (to->bypassed) return false;
  if (to->waiting.size() + 2 > std::size_t(kMostInstructions)) flush(ctx);
  if (!to->waiting.empty() && to->dtype != dtype) flush(ctx);
  to->dtype = dtype;
  return true;
}

Instruction blank() {
  Instruction op{};
  op.split = {0, 1, 0};
  return op;
}

uint64_t address(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

// An error of a flush waits for the end of the capture.
void keep_error(Recorder* to, int32_t status) {
  if (status == SMQ_OK || to->status != SMQ_OK) return;
  to->status = status;
  to->message = last_error();
}

// The parts that a product of `rows` rows may leave, where there is room for them.
Parts parts_of(const smq_context* ctx, const StreamCall& product, int32_t rows, int32_t shift) {
  const Split& split = product.split;
  const int64_t units = split.units(), share = (units + split.workers - 1) / split.workers;
  Parts parts{};
  parts.split = split;
  parts.rows = rows;
  parts.shift = shift;
  parts.slots = int32_t((share + split.blocks - 2) / split.blocks + 1);
  parts.most = int32_t((int64_t(split.blocks) * split.workers + units - 1) / units + 1);
  const int64_t floats = int64_t(split.workers) * parts.slots * parts.slot_floats();
  const bool fits = floats * int64_t(sizeof(float)) <= int64_t(ctx->scratch_bytes - kSquaresBytes);
  if (fits && split.tiles <= kMostTiles) {
    parts.sums = static_cast<float*>(ctx->scratch);
    parts.bias = product.bias;
  }
  return parts;
}

// Joins a product and the op that reads what it gives: the reader adds up the parts.
void join(const smq_context* ctx, Instruction* first, Instruction* second, int32_t rows) {
  if (first->kind != Kind::kW4a16 && first->kind != Kind::kF16) return;
  ProductCall product = first->get<ProductCall>();
  const StreamCall& call = product.product;
  const auto reads = [&](const void* x, int32_t m, int64_t width) {
    return x == call.y && m == call.m && width == call.n && call.y_stride == call.n && call.n % 8 == 0;
  };
  const Parts parts = parts_of(ctx, call, rows, first->kind == Kind::kW4a16 ? kW4Shift : kF16Shift);
  if (parts.sums == nullptr) return;
  if (second->kind == Kind::kNorm && call.epilogue == SMQ_RESIDUAL) {
    RowsCall reader = second->get<RowsCall>();
    if (!reads(reader.x, reader.m, reader.width)) return;
    reader.parts = parts;
    second->set(Kind::kNorm, reader);
  } else if (second->kind == Kind::kRope && call.epilogue == SMQ_STORE) {
    RopeCall reader = second->get<RopeCall>();
    const RopeKv& rope = reader.rope;
    const int64_t heads = int64_t(rope.heads) + 2 * int64_t(rope.kv_heads);
    if (!reads(rope.qkv, rope.m, heads * rope.head_dim)) return;
    reader.parts = parts;
    second->set(Kind::kRope, reader);
  } else if (second->kind == Kind::kSilu && call.epilogue == SMQ_STORE) {
    SiluCall reader = second->get<SiluCall>();
    if (!reads(reader.x, reader.m, 2 * int64_t(reader.n)) || reader.n % 4 != 0) return;
    reader.parts = parts;
    second->set(Kind::kSilu, reader);
  } else {
    return;
  }
  product.parts = parts;
  first->set(first->kind, product);
}

// One kernel for all that waits.
int32_t queue_program(smq_context* ctx, Recorder* from) {
  int32_t rows = 1;
  for (const GemmArgs& product : from->products) rows = std::max(rows, product.m);
  const int32_t bucket = program_rows(rows);
  std::size_t next = 0;
  for (Instruction& op : from->waiting) {
    if (op.kind != Kind::kW4a16 && op.kind != Kind::kF16) continue;
    const GemmArgs& args = from->products[next++];
    if (!map_rows(&op.x_map, at<void>(args.x), args.m, args.k, bucket) ||
        (op.kind == Kind::kF16 && !map_rows(&op.w_map, at<void>(args.w), args.n, args.k, kF16Tile))) {
      return fail(SMQ_DEVICE, "the driver refused to describe x or w to the copy engine");
    }
  }
  for (std::size_t i = 0; i + 1 < from->waiting.size(); ++i) {
    join(ctx, &from->waiting[i], &from->waiting[i + 1], bucket);
  }
  const std::size_t bytes = from->waiting.size() * sizeof(Instruction);
  void* device = nullptr;
  if (const cudaError_t error = cudaMalloc(&device, bytes)) {
    return cuda_status(ctx, error, "capturing a forward");
  }
  const Program program{static_cast<const Instruction*>(device), int32_t(from->waiting.size()),
                        from->dtype};
  from->written.push_back({std::move(from->waiting), device});
  return run(ctx, program, bucket);
}

}  // namespace

bool take(smq_context* ctx, const GemmArgs& args) {
  if (args.m > kMostRows || !can_take(ctx, args.dtype)) return false;
  const bool four_bits = args.group > 0;
  const StreamCall call = four_bits ? stream_call(ctx, args, w4a16::kTile, w4a16::kBlock)
                                    : stream_call(ctx, args, kF16Tile, kF16Block);
  if (!call.aligned || !fits_32_bits(call.split)) return false;
  if (four_bits && w4a16::grain(args.k, args.group) != w4a16::kBlock) return false;
  Instruction op = blank();
  op.set(four_bits ? Kind::kW4a16 : Kind::kF16, ProductCall{call, {}});
  op.split = call.split;
  op.w = at<const uint8_t>(args.w);
  Recorder* const to = recorder(ctx);
  to->waiting.push_back(op);
  to->products.push_back(args);
  to->alone.push_back([=] { return four_bits ? run_gemm_w4a16(ctx, args) : run_gemm_f16(ctx, args); });
  return true;
}

bool take_norm(smq_context* ctx, const RowsCall& call, int32_t dtype) {
  const uint64_t narrow = address(call.out) | address(call.weight) | uint64_t(call.out_stride) * 2 |
                          uint64_t(call.width) * 2;
  if (!aligned(narrow, 8) || !aligned(address(call.x), 16) || call.m > kMostRows) return false;
  if (!can_take(ctx, dtype)) return false;
  const int64_t chunks = (call.width + kNormChunk - 1) / kNormChunk;
  if (call.m * chunks * int64_t(sizeof(uint2)) > int64_t(kSquaresBytes)) return false;
  RowsCall with_sums = call;
  with_sums.squares = reinterpret_cast<uint2*>(static_cast<char*>(ctx->scratch) + ctx->scratch_bytes -
                                               kSquaresBytes);
  Instruction op = blank();
  Recorder* const to = recorder(ctx);
  op.set(call.weight ? Kind::kNorm : Kind::kConvert, with_sums);
  to->waiting.push_back(op);
  to->alone.push_back([=] {
    return call.weight ? run_rms_norm(ctx, address(call.out), call.out_stride, address(call.x),
                                      address(call.weight), call.m, call.width, call.eps, dtype)
                       : run_convert(ctx, address(call.out), call.out_stride, address(call.x), call.m,
                                     call.width, dtype);
  });
  return true;
}

bool take(smq_context* ctx, const RopeKv& args) {
  const bool wide = args.head_dim % 4 == 0 && aligned(address(args.table), 8) &&
                    aligned(address(args.qkv) | address(args.k_cache) | address(args.v_cache), 4);
  if (!wide || args.m > kMostRows || args.head_dim > 128) return false;
  if (!can_take(ctx, args.dtype)) return false;
  Instruction op = blank();
  op.set(Kind::kRope, RopeCall{args, {}});
  Recorder* const to = recorder(ctx);
  to->waiting.push_back(op);
  to->alone.push_back([=] { return run_rope_kv(ctx, args); });
  return true;
}

bool take(smq_context* ctx, const AttentionArgs& args) {
  if (args.m > kMostRows || args.head_dim > 128 || args.kv_heads > ctx->sms) return false;
  if (!can_take(ctx, args.dtype)) return false;
  const DecodeCall call(args);
  Recorder* const to = recorder(ctx);
  Instruction op = blank();
  op.set(Kind::kAttend, call);
  to->waiting.push_back(op);
  op.set(Kind::kMerge, call);
  to->waiting.push_back(op);
  to->alone.push_back([=] { return decode_attention(ctx, args, args.dtype); });
  return true;
}

bool take(smq_context* ctx, const SiluCall& call, int32_t dtype) {
  if (!aligned(address(call.out) | address(call.x) | uint64_t(call.n) * 2, 16)) return false;
  if (call.m > kMostRows || !can_take(ctx, dtype)) return false;
  Instruction op = blank();
  op.set(Kind::kSilu, call);
  Recorder* const to = recorder(ctx);
  to->waiting.push_back(op);
  to->alone.push_back([=] {
    return run_silu_mul(ctx, address(call.out), address(call.x), call.m, call.n, dtype);
  });
  return true;
}

void flush(smq_context* ctx) {
  Recorder* const from = ctx->recorder.get();
  if (from == nullptr || from->bypassed || from->waiting.empty()) return;
  from->bypassed = true;  // what is queued now goes through
  if (from->alone.size() > 1 && !from->products.empty()) {
    keep_error(from, queue_program(ctx, from));
  } else {
    for (const auto& queue : from->alone) keep_error(from, queue());
  }
  from->clear();
  from->bypassed = false;
}

int32_t finish(smq_context* ctx) {
  flush(ctx);
  Recorder* const from = ctx->recorder.get();
  return from == nullptr || from->status == SMQ_OK ? SMQ_OK : fail(from->status, "%s", from->message.c_str());
}

int32_t upload(smq_context* ctx, std::vector<void*>* memory) {
  Recorder* const from = ctx->recorder.get();
  if (from == nullptr) return SMQ_OK;
  cudaError_t error = cudaSuccess;
  for (const Written& one : from->written) {
    memory->push_back(one.device);
    if (error != cudaSuccess) continue;
    error = cudaMemcpyAsync(one.device, one.instructions.data(),
                            one.instructions.size() * sizeof(Instruction), cudaMemcpyHostToDevice,
                            ctx->stream);
  }
  if (error == cudaSuccess) error = cudaStreamSynchronize(ctx->stream);
  from->written.clear();
  return cuda_status(ctx, error, "smq_graph_end");
}

void forget(smq_context* ctx) {
  if (!ctx->recorder) return;
  for (const Written& one : ctx->recorder->written) cudaFree(one.device);
  ctx->recorder.reset();
}

}  // namespace forward
}  // namespace smq
