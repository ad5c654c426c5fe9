// Instructions that CUDA C++ has no name for: barriers of asynchronous copies, the copies, and
// mma.sync with what feeds it.
#pragma once

#include <cstdint>

#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace smq {
namespace ptx {

__device__ __forceinline__ uint32_t shared_address(const void* pointer) {
  return uint32_t(__cvta_generic_to_shared(pointer));
}

// Has values worked out here, and kept: the compiler else works a thing out where it is wanted, which may be behind a wait, or
// again in each turn of a loop (docs/adr/0057, 0062).
template <class... Values>
__device__ __forceinline__ void known_here(Values&... values) {
  const auto one = [](auto& value) {
    if constexpr (sizeof(value) == 8) asm volatile("" : "+l"(value));
    else asm volatile("" : "+r"(value));
  };
  (one(values), ...);
}
// The assembler, too, has an address worked out here: a trap wants it, though it is not 0.
__device__ __forceinline__ void held_here(const void* address) {
  asm volatile("{\n.reg .pred none;\nsetp.eq.u64 none, %0, 0;\n@none trap;\n}" ::"l"(address));
}
// A value that the assembler, too, takes for unknown, so that it keeps it.
__device__ __forceinline__ uint32_t kept(uint32_t value) {
  uint32_t lane;
  asm volatile("mov.u32 %0, %%laneid;" : "=r"(lane));
  return value + lane / 32;
}

// ---- copies of 16 bytes (sm_80) ---------------------------------------------------------------

// Reads the first `bytes` (0 to 16) of them, the rest become zero.
__device__ __forceinline__ void copy16(uint32_t to, const void* from, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes)
               : "memory");
}
__device__ __forceinline__ void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int Pending>
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

// ---- bulk copies (sm_90) ----------------------------------------------------------------------

__device__ __forceinline__ void barrier_init(uint32_t barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
// Makes initialised barriers known to the copy engine.
__device__ __forceinline__ void barrier_init_fence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
__device__ __forceinline__ void barrier_arrive(uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
// As often.
__device__ __forceinline__ void barrier_arrive(uint32_t barrier, int times) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(times) : "memory");
}
// Once this thread's copies of 16 bytes so far have come.
__device__ __forceinline__ void barrier_arrive_copied(uint32_t barrier) {
  asm volatile("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" ::"r"(barrier) : "memory");
}
// Without a branch.
__device__ __forceinline__ void barrier_arrive_if(uint32_t condition, uint32_t barrier) {
  asm volatile(
      "{\n.reg .pred arrives;\nsetp.ne.u32 arrives, %1, 0;\n"
      "@arrives mbarrier.arrive.shared::cta.b64 _, [%0];\n}" ::"r"(barrier),
      "r"(condition)
      : "memory");
}
__device__ __forceinline__ void barrier_expect(uint32_t barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}
__device__ __forceinline__ void barrier_wait(uint32_t barrier, int parity) {
  asm volatile(
      "{\n.reg .pred done;\nAGAIN:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@done bra DONE;\nbra AGAIN;\nDONE:\n}" ::"r"(barrier), "r"(parity)
      : "memory");
}
// Whether it would not wait.
__device__ __forceinline__ bool barrier_test(uint32_t barrier, int parity) {
  uint32_t done;
  asm volatile(
      "{\n.reg .pred done;\n"
      "mbarrier.test_wait.parity.shared::cta.b64 done, [%1], %2;\n"
      "selp.u32 %0, 1, 0, done;\n}"
      : "=r"(done)
      : "r"(barrier), "r"(parity)
      : "memory");
  return done != 0;
}
// The same of both, asked for at once.
__device__ __forceinline__ bool barrier_test(uint32_t one, uint32_t other, int parity) {
  uint32_t done;
  asm volatile(
      "{\n.reg .pred done, also;\n"
      "mbarrier.test_wait.parity.shared::cta.b64 done, [%1], %3;\n"
      "mbarrier.test_wait.parity.shared::cta.b64 also, [%2], %3;\n"
      "and.pred done, done, also;\n"
      "selp.u32 %0, 1, 0, done;\n}"
      : "=r"(done)
      : "r"(one), "r"(other), "r"(parity)
      : "memory");
  return done != 0;
}
// The wait for both.
__device__ __forceinline__ void barrier_wait(uint32_t one, uint32_t other, int parity) {
  asm volatile(
      "{\n.reg .pred done, also;\nAGAIN:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %2;\n"
      "mbarrier.try_wait.parity.shared::cta.b64 also, [%1], %2;\n"
      "and.pred done, done, also;\n"
      "@done bra DONE;\nbra AGAIN;\nDONE:\n}" ::"r"(one), "r"(other), "r"(parity)
      : "memory");
}
// For what is read once: the first to leave the L2 cache.
__device__ __forceinline__ uint64_t read_once() {
  uint64_t policy;
  asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}
__device__ __forceinline__ void bulk_copy(uint32_t to, const void* from, int bytes, uint32_t barrier,
                                          uint64_t policy) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
      "[%0], [%1], %2, [%3], %4;" ::"r"(to), "l"(from), "r"(bytes), "r"(barrier), "l"(policy)
      : "memory");
}
__device__ __forceinline__ void bulk_copy(uint32_t to, const void* from, int bytes, uint32_t barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                   to),
               "l"(from), "r"(bytes), "r"(barrier)
               : "memory");
}
// A box of a matrix, its first element at (row, column); what lies outside the matrix becomes zero.
__device__ __forceinline__ void box_copy(uint32_t to, const CUtensorMap* map, int column, int row,
                                         uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3}], [%4];" ::"r"(to), "l"(map), "r"(column), "r"(row), "r"(barrier)
      : "memory");
}
__device__ __forceinline__ void box_copy(uint32_t to, const CUtensorMap* map, int column, int row,
                                         uint32_t barrier, uint64_t policy) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint "
      "[%0], [%1, {%2, %3}], [%4], %5;" ::"r"(to), "l"(map), "r"(column), "r"(row), "r"(barrier),
      "l"(policy)
      : "memory");
}

// ---- mma.sync (sm_80) -------------------------------------------------------------------------

__device__ __forceinline__ void load_matrix4(uint32_t (&to)[4], uint32_t from) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(from));
}

// d (16 x 8) += a (16 x 16) b (16 x 8).
__device__ __forceinline__ void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                                    __half) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                                    __nv_bfloat16) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// d (16 x 8) += a (16 x 32) b (32 x 8) of i8, exact.
__device__ __forceinline__ void mma(int32_t (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// ---- four-bit weights -------------------------------------------------------------------------

template <int Table>
__device__ __forceinline__ uint32_t logic3(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t result;
  asm("lop3.b32 %0, %1, %2, %3, %4;" : "=r"(result) : "r"(a), "r"(b), "r"(c), "n"(Table));
  return result;
}
constexpr int kAndOr = (0xf0 & 0xcc) | 0xaa;

// What unpack subtracts of the rows g and g + 8 of an operand A: their zero points, as numbers of the mantissa
// that their nibbles come to lie in.
struct Biases {
  uint32_t first, second;
};
__device__ __forceinline__ constexpr Biases middle(__half) { return {0x64086408, 0xd480d480}; }  // 8
__device__ __forceinline__ constexpr Biases middle(__nv_bfloat16) { return {0xc308c308, 0xc308c308}; }
// Of zero points in bytes 0 and 1.
__device__ __forceinline__ Biases biases(uint32_t zeros, __half) {
  return {__byte_perm(zeros, 0x64646464, 0x4040), __byte_perm(zeros << 4, 0xd4d4d4d4, 0x4141)};
}
__device__ __forceinline__ Biases biases(uint32_t zeros, __nv_bfloat16) {
  return {__byte_perm(zeros, 0xc3c3c3c3, 0x4040), __byte_perm(zeros, 0xc3c3c3c3, 0x4141)};
}

// One word of w4a16_layout.cuh as an operand A of q minus its zero point, exact. A nibble in the mantissa of
// 1024 (f16) or 128 (bf16) is that number plus q, or plus 16 q where it lies four bits up.
__device__ __forceinline__ void unpack(uint32_t (&a)[4], uint32_t word, Biases by, __half) {
  const uint32_t sixteenth = 0x2c002c00;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const uint32_t low = logic3<kAndOr>(word, 0x000f000f, 0x64006400);
    const uint32_t high = logic3<kAndOr>(word, 0x00f000f0, 0x64006400);
    asm("sub.f16x2 %0, %1, %2;" : "=r"(a[2 * h]) : "r"(low), "r"(by.first));
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(a[2 * h + 1]) : "r"(high), "r"(sixteenth), "r"(by.second));
    word >>= 8;
  }
}
__device__ __forceinline__ void unpack(uint32_t (&a)[4], uint32_t word, Biases by, __nv_bfloat16) {
  const uint32_t one = 0x3f803f80;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const uint32_t value = logic3<kAndOr>(word, 0x000f000f, 0x43004300);
    asm("fma.rn.bf16x2 %0, %1, %2, %3;"
        : "=r"(a[i])
        : "r"(value), "r"(one), "r"(i % 2 == 0 ? by.first : by.second));
    word >>= 4;
  }
}
// Of q - 8.
template <class T>
__device__ __forceinline__ void unpack(uint32_t (&a)[4], uint32_t word, T) {
  unpack(a, word, middle(T()), T());
}

}  // namespace ptx
}  // namespace smq
