// Attention of one row each of several sequences, as one kernel: what attention_one.cuh does of a row, for each. Their
// clusters are smaller, as there are more of them; which blocks take which spans is nothing that bits know of.
#pragma once

#include <vector>

#include "ops/attention/attention_place.cuh"
#include "ops/attention/company.cuh"
#include "ops/attention/one/attention_one_launch.cuh"

namespace smq {

struct CompanyCall {
  OneCall one;
  RowsPlace rows[kMostCompany];
};

template <class T, int D>
__global__ void __launch_bounds__(kAttendThreads, 2) attend_company_kernel(const __grid_constant__ CompanyCall call) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  extern __shared__ __align__(128) uint8_t memory[];
  OneCall one = call.one;
  call.rows[blockIdx.z].place(one.args);
  attend_one<T, D>(one, RotatedRow(), memory);
#endif
}

template <int D>
void attention_of_company(smq_context* ctx, const std::vector<Attention>& all) {
  AttentionArgs args{all[0]};
  for (const Attention& one : all) args.slots = std::max(args.slots, one.slots);
  // Two blocks a multiprocessor, as many as it has registers for, so that one's loads are beside the other's sums.
  const int room = room_of(ctx, 2), rows = int(all.size());
  // All blocks at once if that can be, of clusters that have room for what the others tell a block.
  const auto fits = [&](int blocks) {
    const OneShape<D> shape = one_shape<D>(args, blocks);
    return shape.share <= 4 * kAttendThreads && shape.bytes() <= room;
  };
  int blocks = 8;
  while (blocks > 2 && blocks * args.kv_heads * rows > 2 * ctx->sms && fits(blocks / 2)) blocks /= 2;
  const OneShape<D> shape = one_shape<D>(args, blocks);
  with_half(args.dtype, [&](auto type) {
    using T = decltype(type);
    const auto kernel = attend_company_kernel<T, D>;
    CompanyCall call{one_call(shape, args, blocks, room, true), {}};
    for (int i = 0; i < rows; ++i) call.rows[i] = RowsPlace(all[size_t(i)]);
    prefer_shared(kernel);
    launch_clusters(ctx, unsigned(blocks), kernel, dim3(unsigned(blocks), unsigned(args.kv_heads), unsigned(rows)),
                    dim3(kAttendThreads), one_bytes(shape, call.one), call);
  });
}

}  // namespace smq
