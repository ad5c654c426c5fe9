// The C ABI of SpecMQuant: one contract, implemented by libspecmquant (CUDA) and by
// libspecmquant_cpu (the twin, for machines without a GPU).
//
// Grammar (scripts/symbols/symbols.ts generates src/ffi/symbols.ts from this file; keep to it):
//   - every function returns an int32_t status, SMQ_OK or an error; smq_last_error has the message;
//   - scalars are int32_t, int64_t, uint64_t, float; handles are smq_<name>*;
//   - a device address is a uint64_t, 0 meaning "none" where the comment allows it;
//   - `void*`, `uint8_t*`, `uint64_t*`, `int64_t*`, `float*`, `int32_t*` and `smq_<name>**` are host
//     buffers, used only before the call returns.
//
// Every function under "ops" is asynchronous on its context's stream, allocates nothing and may be
// captured. Scalars and addresses are fixed at capture: whatever changes from round to round (tokens,
// positions, cache lengths, masks, counts) is read from device memory.
//
// Words: m rows (tokens of one forward), n outputs, k inputs, L a cache length: the number of tokens
// committed to a KV cache, and so the position of the row that a forward starts with. `history` is
// i32[...], the token at each position; the last committed token, not yet in the cache, is history[L].
// `dtype` is the dtype of activations: SMQ_F16 or SMQ_BF16. The residual stream and logits are f32.
//
// Batch invariance: up to 64 rows, the bits of a row of output depend on the row's own input alone,
// never on m, on the row's place among the rows, or on what the other rows hold. More rows are those of
// prompts, which are read in the same pieces whatever proposes the tokens behind them; products may
// round the weights to dtype there. For attention the input of a row
// is the ordered list of (key, value) pairs that it attends to, wherever in the cache they lie.
#ifndef SPECMQUANT_H
#define SPECMQUANT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// status
#define SMQ_OK 0
#define SMQ_INVALID 1        // an argument is out of its range
#define SMQ_OUT_OF_MEMORY 2  // device or pinned memory
#define SMQ_NO_DEVICE 3      // no such device, or it cannot run this library
#define SMQ_DEVICE 4         // the device failed; the context is dead
#define SMQ_LIMIT 5          // a valid request that a kernel cannot hold; the message names the limit
#define SMQ_STATE 6          // the call does not fit the context's state, e.g. end without begin
#define SMQ_FILE 7           // a file cannot be read; the message has the bytes and the reason

// dtypes
#define SMQ_F16 0
#define SMQ_BF16 1
#define SMQ_F32 2
#define SMQ_I8 3    // with a f32 scale a row: x = q s
#define SMQ_E4M3 4  // the 8-bit float of 4 exponent bits, likewise

// A KV cache has the dtype of activations, [slots, kv_heads, head_dim], or is SMQ_I8: then a slot is kv_heads *
// head_dim elements, i8, and behind them a scale for each head, dtype, the whole filled up to a multiple of
// SMQ_CACHE_ALIGNMENT bytes; an element stands for q s, and head_dim is a multiple of 16.
#define SMQ_CACHE_ALIGNMENT 32

// what a product does with its result
#define SMQ_STORE 0     // y (dtype) = x w + bias
#define SMQ_RESIDUAL 1  // y (f32) += x w + bias
#define SMQ_LOGITS 2    // y (f32) = x w + bias

// what smq_gemm_f32 does with its product
#define SMQ_SET 0       // y = a b
#define SMQ_ADD 1       // y += a b
#define SMQ_SUBTRACT 2  // y -= a b

// how files order the elements of a quantized weight of n outputs and k inputs
#define SMQ_LAYOUT_AWQ 0        // i32 [k, n/8]: nibble p of a word is output [0,2,4,6,1,3,5,7][p] of its eight
#define SMQ_LAYOUT_ROWS 1       // i32 [n, k/8]: nibble p is input p of its eight (compressed-tensors)
#define SMQ_LAYOUT_MARLIN 2     // i32 [k/16, 2 n]: tiles in Marlin's order (the paper's W4A16 files)
#define SMQ_LAYOUT_QQQ 3        // i32 [k/16, 2 n]: QQQ per channel, signed nibbles; unpacked as q + 8
#define SMQ_LAYOUT_QQQ_GROUP 4  // i32 [k/16, 2 n]: QQQ in groups, unsigned nibbles
#define SMQ_LAYOUT_QOQ 5        // i8 [n, k/2]: QServe's tiles of 32 x 32
#define SMQ_LAYOUT_GPTQ8 6      // i32 [k/4, n]: byte p of a word is input p of its four, q + 128
#define SMQ_LAYOUT_ROWS8 7      // i32 [n, k/4]: byte p is input p of its four, q + 128

// what a 4-bit weight in groups takes from its elements
#define SMQ_ZEROS_NONE 0     // w = (q - 8) s
#define SMQ_ZEROS_POINTS 1   // w = (q - z) s, z u4
#define SMQ_ZEROS_OFFSETS 2  // w = q s + o, o f16; w may be rounded to dtype

// GGUF's blocks of elements with their scales
#define SMQ_BLOCKS_Q4_0 0  // w = (q - 8) s, groups of 32
#define SMQ_BLOCKS_Q4_1 1  // w = q s + o, groups of 32
#define SMQ_BLOCKS_Q5_0 2  // w = (q - 16) s, groups of 32
#define SMQ_BLOCKS_Q5_1 3  // w = q s + o, groups of 32
#define SMQ_BLOCKS_Q8_0 4  // w = q s, groups of 32
#define SMQ_BLOCKS_Q4_K 5  // w = q s + o, groups of 32, eight of them in a block
#define SMQ_BLOCKS_Q5_K 6  // the same with five bits
#define SMQ_BLOCKS_Q6_K 7  // w = (q - 32) s, groups of 16, sixteen of them in a block

// places of smq_choose's settings, 16 words
#define SMQ_SETTING_TEMPERATURE 0  // f32
#define SMQ_SETTING_TOP_K 1        // i32, 0: all
#define SMQ_SETTING_TOP_P 2        // f32, 1: all
#define SMQ_SETTING_MIN_P 3        // f32, 0: all
#define SMQ_SETTING_REPETITION 4   // f32, 1: none
#define SMQ_SETTING_PRESENCE 5     // f32, 0: none
#define SMQ_SETTING_FREQUENCY 6    // f32, 0: none
#define SMQ_SETTING_BIAS 7         // i32, entries of the bias
#define SMQ_SETTING_SEED 8         // u32, low word, and high word behind it
#define SMQ_SETTING_GENERATED 10   // i32, position of the first token behind the prompt
#define SMQ_SETTING_SCORES 11      // i32, 1: scores are wanted
#define SMQ_SETTINGS 16

// choices that are no tokens
#define SMQ_CHOICE_NAN -1
#define SMQ_CHOICE_NONE -2

// limits, for both implementations
#define SMQ_MAX_TREE 64   // rows of a verified tree: one mask word
#define SMQ_MAX_TOPK 64   // entries of one top-k
#define SMQ_MAX_MASK 4    // mask words of a draft head's own rows: topk * (depth - 1) <= 256

typedef struct smq_context smq_context;
typedef struct smq_graph smq_graph;
typedef struct smq_event smq_event;
typedef struct smq_reader smq_reader;

// ---- library ----------------------------------------------------------------------------------

// The hash of the declarations that the library was built from.
int32_t smq_abi_hash(uint64_t* out);
// Message of this thread's last error, UTF-8, cut to capacity, zero-terminated.
int32_t smq_last_error(uint8_t* out, int32_t capacity);
// JSON about a device: {"backend","name","memory" (bytes),"detail"}; zero-terminated.
int32_t smq_describe(int32_t device, uint8_t* out, int32_t capacity);

// ---- context ----------------------------------------------------------------------------------

// threads: worker threads of the twin, 0 for all cores; CUDA ignores it.
int32_t smq_context_create(int32_t device, int32_t threads, smq_context** out);
int32_t smq_context_destroy(smq_context* ctx);
// Waits until everything queued has run.
int32_t smq_synchronize(smq_context* ctx);

// ---- memory -----------------------------------------------------------------------------------

// Aligned to 256 bytes, contents undefined.
int32_t smq_malloc(smq_context* ctx, int64_t bytes, uint64_t* out);
int32_t smq_free(smq_context* ctx, uint64_t address);
// A range of addresses without memory, which smq_grow backs from its start: what grows keeps its
// address, so captured graphs stay valid. Never shrinks; new bytes are zero.
int32_t smq_reserve(smq_context* ctx, int64_t bytes, uint64_t* out);
int32_t smq_grow(smq_context* ctx, uint64_t address, int64_t bytes);
int32_t smq_release(smq_context* ctx, uint64_t address);
// Pinned host memory: readable by the host, and a valid side of smq_copy.
int32_t smq_pinned_malloc(smq_context* ctx, int64_t bytes, uint64_t* out);
int32_t smq_pinned_free(smq_context* ctx, uint64_t address);
// Bytes in use by this context (mallocs and grown ranges), free and in total on the device.
int32_t smq_memory_info(smq_context* ctx, int64_t* out_used, int64_t* out_free, int64_t* out_total);
// Host to device and back; both return when the host buffer is free to use. Not capturable.
int32_t smq_upload(smq_context* ctx, uint64_t dst, const void* src, int64_t bytes);
int32_t smq_download(smq_context* ctx, void* dst, uint64_t src, int64_t bytes);

// ---- files ------------------------------------------------------------------------------------

// Threads that read files, 0 for as many as suit the machine.
int32_t smq_reader_create(smq_context* ctx, int32_t threads, smq_reader** out);
// Ends what is being read; reads that nobody has waited for are forgotten.
int32_t smq_reader_destroy(smq_context* ctx, smq_reader* reader);
// Begins to read bytes of an open descriptor, from position on, to dst, pinned memory; descriptor and memory are in use
// until somebody has waited for the read. Returns at once.
int32_t smq_reader_begin(smq_context* ctx, smq_reader* reader, int32_t descriptor, int64_t position,
                         int64_t bytes, uint64_t dst);
// Waits for the oldest read that nobody has waited for. SMQ_FILE where not all of its bytes could be read.
int32_t smq_reader_wait(smq_context* ctx, smq_reader* reader);

// ---- events and graphs ------------------------------------------------------------------------

int32_t smq_event_create(smq_context* ctx, smq_event** out);
int32_t smq_event_destroy(smq_context* ctx, smq_event* event);
int32_t smq_event_record(smq_context* ctx, smq_event* event);
// Milliseconds from start to stop; waits for stop.
int32_t smq_event_elapsed(smq_context* ctx, smq_event* start, smq_event* stop, float* out);
// Between begin and end, ops are recorded and do not run.
int32_t smq_graph_begin(smq_context* ctx);
int32_t smq_graph_end(smq_context* ctx, smq_graph** out);
// Ends a capture and throws it away; no error where none is under way.
int32_t smq_graph_abort(smq_context* ctx);
int32_t smq_graph_launch(smq_context* ctx, smq_graph* graph);
int32_t smq_graph_destroy(smq_context* ctx, smq_graph* graph);

// ---- ops: memory ------------------------------------------------------------------------------

// Device to device, or either side pinned; ranges do not overlap.
int32_t smq_copy(smq_context* ctx, uint64_t dst, uint64_t src, int64_t bytes);
int32_t smq_fill(smq_context* ctx, uint64_t dst, int32_t byte, int64_t bytes);
// out: u64 [1] = the wrapping sum of the 8-byte words of src. Reads every byte at the speed of the
// memory, which is what benches measure with it. src is aligned to 16 bytes, bytes a multiple of 16.
int32_t smq_checksum(smq_context* ctx, uint64_t out, uint64_t src, int64_t bytes);

// ---- ops: embed -------------------------------------------------------------------------------

// out[i, 0..hidden) = table[token_i], token_i = tokens[(start ? start[0] : 0) + shift + i].
// out: out_dtype (f16, bf16 or f32) [m, hidden], rows out_stride elements apart; table: table_dtype
// (f16 or bf16) [vocab, hidden]; tokens: i32; start: i32[1] or 0. A token outside 0..vocab-1 gives zeros.
int32_t smq_embed(smq_context* ctx, uint64_t out, int32_t out_stride, int32_t out_dtype,
                  uint64_t table, int32_t table_dtype, uint64_t tokens, uint64_t start,
                  int32_t shift, int32_t m, int32_t hidden, int32_t vocab);
// The same from a table in 8 bits, w = q s + o rounded to out_dtype: a weight of vocab outputs and hidden
// inputs as smq_w8_group_pack writes it, so that a tied output projection is the same memory.
int32_t smq_embed_w8_group(smq_context* ctx, uint64_t out, int32_t out_stride, int32_t out_dtype,
                           uint64_t table, int32_t group, int32_t offsets, uint64_t tokens,
                           uint64_t start, int32_t shift, int32_t m, int32_t hidden, int32_t vocab);

// ---- ops: norm --------------------------------------------------------------------------------

// out[i] = x[i] / sqrt(mean(x[i]^2) + eps) * weight. x: f32 [m, width]; weight: dtype [width];
// out: dtype [m, width], rows out_stride elements apart.
int32_t smq_rms_norm(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x, uint64_t weight,
                     int32_t m, int32_t width, float eps, int32_t dtype);
// out (dtype, rows out_stride apart) = x (f32) [m, width], rounded.
int32_t smq_convert(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x, int32_t m,
                    int32_t width, int32_t dtype);
// The reverse: out (f32) [m, width] = x (dtype, rows x_stride apart).
int32_t smq_widen(smq_context* ctx, uint64_t out, uint64_t x, int32_t x_stride, int32_t m,
                  int32_t width, int32_t dtype);

// ---- ops: quantize ----------------------------------------------------------------------------

// Rows of 8-bit activations of `form` SMQ_I8 or SMQ_E4M3, each with one scale: out: form [m, k]; scales:
// f32 [m], absmax / 127 or absmax / 448; sums: i32 [m], of the q of a row, 0 for SMQ_E4M3. q = x * (127 or
// 448) / absmax in f32, to the nearest, ties to even. A row of zeros has scale 0; one that holds a value
// which is not finite has scale NaN and zeros.
// x: dtype [m, k].
int32_t smq_quantize_rows(smq_context* ctx, uint64_t out, uint64_t scales, uint64_t sums, uint64_t x,
                          int32_t m, int32_t k, int32_t dtype, int32_t form);
// Of the rows that smq_rms_norm would give, before they are rounded to dtype.
int32_t smq_rms_norm_quantized(smq_context* ctx, uint64_t out, uint64_t scales, uint64_t sums,
                               uint64_t x, uint64_t weight, int32_t m, int32_t width, float eps,
                               int32_t dtype, int32_t form);
// Of the rows that smq_silu_mul would give, before they are rounded to dtype. x: dtype [m, 2 n].
int32_t smq_silu_mul_quantized(smq_context* ctx, uint64_t out, uint64_t scales, uint64_t sums,
                               uint64_t x, int32_t m, int32_t n, int32_t dtype, int32_t form);

// ---- ops: rope_kv -----------------------------------------------------------------------------

// For each row i of qkv [m, (heads + 2 kv_heads) * head_dim]: normalises each q and k head (where
// q_norm, k_norm: dtype [head_dim] are given), rotates q in place and k, both by the row's position
// p_i = cache_length[0] + (depths ? depths[i] : i) + position_offset, and writes k and v into their
// caches at slot cache_length[0] + slot_offset + i. Halves are rotated (x[j], x[j + head_dim/2]).
// table: f32 [positions, head_dim]: cosines of head_dim/2 frequencies, then sines; p_i is clamped
// into it. k_cache, v_cache: caches of `cache`, dtype or SMQ_I8; a slot outside is not written.
// SMQ_I8: of each head of k, rotated and rounded to dtype, and of v: s is absmax / 127, rounded up to dtype, and q =
// x / s in f32, to the nearest, ties to even. A head of zeros has scale 0; one that holds a value which is not finite
// has scale NaN and zeros.
int32_t smq_rope_kv(smq_context* ctx, uint64_t qkv, uint64_t table, int32_t positions,
                    uint64_t cache_length, uint64_t depths, int32_t position_offset,
                    int32_t slot_offset, uint64_t q_norm, uint64_t k_norm, float eps,
                    uint64_t k_cache, uint64_t v_cache, int32_t slots, int32_t m, int32_t heads,
                    int32_t kv_heads, int32_t head_dim, int32_t dtype, int32_t cache);

// The same for keys and values of several layers at once: of each row of kv [m, layers * 2 kv_heads * head_dim], which
// holds each layer's keys, then its values, those of layer l go to the caches at the addresses caches[l] and
// caches[layers + l], u64 [2 layers], of `cache` as above. k_norms: dtype [layers, head_dim], or 0. Row i is of position
// and slot cache_length[0] + i.
int32_t smq_rope_keys(smq_context* ctx, uint64_t kv, uint64_t table, int32_t positions,
                      uint64_t cache_length, uint64_t k_norms, float eps, uint64_t caches,
                      int32_t layers, int32_t slots, int32_t m, int32_t kv_heads, int32_t head_dim,
                      int32_t dtype, int32_t cache);

// ---- ops: attention ---------------------------------------------------------------------------

// out[i, h] = softmax(scale * q[i, h] . k) v over the pairs that row i attends to, with L =
// cache_length[0]: slots 0..L-1, then, without mask, slots L..L+slot_offset+i, or, with mask u64[m,
// mask_words], the slots L + j of its set bits j, ascending. Of these ordered pairs, window > 0 keeps
// the last `window`. q: the first heads * head_dim of each row of qkv, as smq_rope_kv leaves it;
// out: dtype [m, heads * head_dim]. k_cache, v_cache: as smq_rope_kv writes them; what 8 bits stand for may be
// rounded to dtype. workspace: smq_attention_bytes bytes, or 0 where that says 0.
int32_t smq_attention(smq_context* ctx, uint64_t out, uint64_t qkv, uint64_t k_cache,
                      uint64_t v_cache, int32_t slots, uint64_t cache_length, uint64_t mask,
                      int32_t mask_words, int32_t slot_offset, int32_t window, float scale,
                      int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim,
                      int32_t dtype, int32_t cache, uint64_t workspace);
int32_t smq_attention_bytes(int32_t m, int32_t heads, int32_t kv_heads, int32_t head_dim,
                            int32_t slots, int32_t cache, int64_t* out);

// ---- ops: gemm --------------------------------------------------------------------------------

// y = x w^T + bias, accumulated in f32, with `epilogue` SMQ_STORE, SMQ_RESIDUAL or SMQ_LOGITS.
// x: dtype [m, k] contiguous; w: dtype [n, k]; bias: dtype [n] or 0; y: rows y_stride elements apart.
int32_t smq_gemm_f16(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                     uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k, int32_t dtype);

// The same with 4-bit weights in groups of `group` inputs (the last may be short), each with a scale s, f16: w as
// `zeros`, one of SMQ_ZEROS_*, says. In the packed layout that smq_w4a16_pack writes. k is a multiple of 8.
int32_t smq_gemm_w4a16(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                       uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k, int32_t group,
                       int32_t zeros, int32_t dtype);
// Bytes of the packed weight.
int32_t smq_w4a16_bytes(int32_t n, int32_t k, int32_t group, int32_t zeros, int64_t* out);
// Packs one linear layer's outputs into rows n_offset.. of a packed weight of n_total outputs (several
// layers that read the same input share one). qweight: i32 [k/8, n], nibble i of row r is input
// 8 r + i; scales: f16 [ceil(k/group), n]; zeros: u8 and offsets: f16 [ceil(k/group), n], given as
// the weight's SMQ_ZEROS_* says and otherwise 0; order: i32 [k] or 0: packed input j is stored input order[j].
int32_t smq_w4a16_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset,
                       uint64_t qweight, uint64_t scales, uint64_t zeros, uint64_t offsets,
                       uint64_t order, int32_t n, int32_t k, int32_t group);

// 8-bit weights with a scale s_n for each output, in the packed layout that smq_w8_pack writes; k is a
// multiple of 16, at most 2^17 where sums are integers. y = s_m s_n sum(q_x q_w) + bias, exact until it is
// scaled. x: i8 [m, k]; x_scales: f32 [m].
int32_t smq_gemm_w8a8(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                      uint64_t x_scales, uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k,
                      int32_t dtype);
// The same with weights and x of e4m3, accumulated in f32.
int32_t smq_gemm_fp8(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                     uint64_t x_scales, uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k,
                     int32_t dtype);
// The same with i8 weights and x: dtype [m, k]: y = s_n sum(x q_w) + bias, accumulated in f32.
int32_t smq_gemm_w8a16(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                       uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k, int32_t dtype);
int32_t smq_w8_bytes(int32_t n, int32_t k, int64_t* out);
// Packs as smq_w4a16_pack does. qweight: i8 or e4m3 [n, k]; scales: f32 [n].
int32_t smq_w8_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset, uint64_t qweight,
                    uint64_t scales, int32_t n, int32_t k);

// i8 weights in groups of `group` inputs, 16 or 32, on x: dtype [m, k]: w = q s, or q s + o where `offsets` is 1;
// s and o f16 for each output and group. k is a multiple of 32. Accumulated in f32; w may be rounded to dtype.
int32_t smq_gemm_w8a16_group(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue,
                             uint64_t x, uint64_t w, uint64_t bias, int32_t m, int32_t n, int32_t k,
                             int32_t group, int32_t offsets, int32_t dtype);
int32_t smq_w8_group_bytes(int32_t n, int32_t k, int32_t group, int32_t offsets, int64_t* out);
// Packs as smq_w4a16_pack does. qweight: i8 [n, k]; scales: f16 [k/group, n]; offsets: the same, or 0 for a
// weight without.
int32_t smq_w8_group_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset,
                          uint64_t qweight, uint64_t scales, uint64_t offsets, int32_t n, int32_t k,
                          int32_t group);

// 4-bit weights on 8-bit activations; k is a multiple of 32, at most 2^17. With q u4 and s_n f32 for each output:
// group 0: y = s_m (s_n sum(q_x q) - c_n sum(q_x)) + bias, c_n: f32 for each output, x_sums: i32 [m];
// else:    y = s_m s_n sum(q_x w) + bias with w = (q - z) s rounded to the nearest integer, ties to even,
//          and clamped to i8; s f16 and z u4 for each output and group of `group` inputs, a multiple of 32.
// Integer sums are exact.
int32_t smq_gemm_w4a8(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t epilogue, uint64_t x,
                      uint64_t x_scales, uint64_t x_sums, uint64_t w, uint64_t bias, int32_t m,
                      int32_t n, int32_t k, int32_t group, int32_t dtype);
int32_t smq_w4a8_bytes(int32_t n, int32_t k, int32_t group, int64_t* out);
// Packs as smq_w4a16_pack does. scales: f32 [n], s_n; offsets: f32 [n], c_n, 0 unless group is 0;
// group_scales: f16 [ceil(k/group), n] and group_zeros: u8 [ceil(k/group), n], 0 where group is 0.
int32_t smq_w4a8_pack(smq_context* ctx, uint64_t w, int32_t n_total, int32_t n_offset,
                      uint64_t qweight, uint64_t scales, uint64_t offsets, uint64_t group_scales,
                      uint64_t group_zeros, int32_t n, int32_t k, int32_t group);

// Brings the elements of a stored weight into the order that the packing ops read: i32 [k/8, n] of nibbles
// for the 4-bit layouts, i8 [n, k] for the 8-bit ones. stored and out do not overlap.
int32_t smq_unpack(smq_context* ctx, uint64_t out, uint64_t stored, int32_t layout, int32_t n,
                   int32_t k);
// Takes GGUF's blocks of `type`, one of SMQ_BLOCKS_*, apart into what the packing ops read. stored: n rows of k
// inputs, k a multiple of a block's elements (256 for the K types, else 32). q: i32 [k/8, n] of nibbles for the
// 4-bit types, unless `wide` is 1; else i8 [n, k], q - 8, q - 16 or q - 32 where the type subtracts that. scales:
// f16 [k/group, n], products rounded to f16; offsets: the same, or 0 where neither type nor caller has any: those of a
// type without are -8 s beside nibbles, else zeros. stored and what is written do not overlap.
int32_t smq_unpack_blocks(smq_context* ctx, uint64_t q, uint64_t scales, uint64_t offsets,
                          uint64_t stored, int32_t type, int32_t wide, int32_t n, int32_t k);
// out[i, j] = x[i, order[j]]: the activations of a layer packed with `order`. dtype [m, k].
int32_t smq_gather_columns(smq_context* ctx, uint64_t out, uint64_t x, uint64_t order, int32_t m,
                           int32_t k, int32_t dtype);

// A product that is no linear layer: y = a b, or y plus or minus it, as `update` says, all of it f32.
// y: [m, n]; a: [m, k], or [k, m] where `transposed` is 1; b: [k, n]; rows lie y_stride, a_stride and
// b_stride elements apart. What y spans, from its first element to its last, does not overlap what a or b
// span. Sums are in an order that only k decides.
int32_t smq_gemm_f32(smq_context* ctx, uint64_t y, int32_t y_stride, int32_t update, uint64_t a,
                     int32_t a_stride, int32_t transposed, uint64_t b, int32_t b_stride, int32_t m,
                     int32_t n, int32_t k);

// ---- ops: activation --------------------------------------------------------------------------

// out[i, j] = silu(x[i, j]) * x[i, n + j]. x: dtype [m, 2 n]; out: dtype [m, n].
int32_t smq_silu_mul(smq_context* ctx, uint64_t out, uint64_t x, int32_t m, int32_t n, int32_t dtype);

// ---- ops: logits ------------------------------------------------------------------------------

// choice[i], i32 [m], m at most SMQ_MAX_TREE = the token that follows row i: of the first chosen_from entries of logits f32 [m, vocab], the
// largest after `settings`, the lowest id among equals; SMQ_CHOICE_NAN where one of them is NaN, SMQ_CHOICE_NONE where
// none is above -infinity.
// settings: 32-bit words, read when the op runs, SMQ_SETTING_* their places. In this order: adds bias_values[j] to
// the entry bias_ids[j], j < SMQ_SETTING_BIAS, ids distinct; repetition r: divides a positive, multiplies another entry by r
// where the text has its token; presence and frequency: subtracted once, and once for each time that the text has
// it from position SMQ_SETTING_GENERATED on; entries whose bit in allowed (u32 [m, ceil(vocab / 32)], or 0: all) is
// clear become -infinity. Where the temperature is 0, that is all. Else: divides by it; top_k > 0 keeps the entries that
// are not below the k-th largest; top_p < 1 those before which, in descending order, lower ids first among equals,
// less than top_p of the probability lies; min_p those with at least min_p times the largest probability. To each
// that is kept Gumbel noise is added, a function of the seed, the position of the token to be chosen, and its id
// alone: -log(-log(1 - u)), u = (word t % 4 of Philox4x32-10 with the seed as key and counter {position, t / 4, 0, 0}
// + 1/2) / 2^32; a u above 1 - 2^-24 may count as that.
// Row i's text is history[0 .. L-1] and tokens[j] for the set bits j of mask[i] (tokens, depths: i32 [m], mask: u64
// [m]), or, with all three 0, history[0 .. L + i]; its token is to stand at L + depths[i] + 1, or L + i + 1.
// scores: f32 [m, vocab], without noise, -infinity for what is not kept; written where SMQ_SETTING_SCORES is 1 and no
// entry of the row is NaN, otherwise used as scratch.
int32_t smq_choose(smq_context* ctx, uint64_t choice, uint64_t scores, uint64_t logits,
                   uint64_t settings, uint64_t bias_ids, uint64_t bias_values, uint64_t allowed,
                   uint64_t history, uint64_t cache_length, uint64_t tokens, uint64_t depths,
                   uint64_t mask, int32_t m, int32_t vocab, int32_t chosen_from);
// The topk largest log-softmax values of each row, descending, lower index first among equals.
// values: f32 [m, topk]; ids: i32 [m, topk]. topk <= SMQ_MAX_TOPK.
int32_t smq_top_log_probs(smq_context* ctx, uint64_t values, uint64_t ids, uint64_t logits, int32_t m,
                          int32_t vocab, int32_t topk);
// The same of logits that become, in place, what a drafter knows of the choice of a token that is to stand at L +
// offset + i * step: bias and penalties of smq_choose's `settings`, the text being history[0 .. L + i * step], then T
// times its noise at that position is added, T the temperature. step: 0 where all rows i stand side by side, 1 where they
// are a sequence. Where all of these are off, the bits are those of smq_top_log_probs.
// tokens, i32 [vocab], and entries, i32 [known], for a head with a vocabulary of its own, otherwise both 0: the token
// that each entry of a row stands for, distinct and below known, and the entry of each token, -1 where it has none.
// Bias, penalties, noise and ids are those of tokens.
int32_t smq_top_choices(smq_context* ctx, uint64_t values, uint64_t ids, uint64_t logits,
                        uint64_t settings, uint64_t bias_ids, uint64_t bias_values, uint64_t history,
                        uint64_t cache_length, uint64_t tokens, uint64_t entries, int32_t known,
                        int32_t offset, int32_t step, int32_t m, int32_t vocab, int32_t topk);
// drafted[i], i32 [m], m at most SMQ_MAX_TREE = the token of the largest entry of row i, the lowest entry among equals, of
// logits that become what smq_top_choices makes of them at L + offset + i, the text of all rows being history[0 .. L]; the
// token of entry 0 where none is above -infinity. Afterwards logits are undefined. last, i32 [1] or 0: gets history[L].
// said, [rank], and table, [table_rows, rank], 16-bit numbers, for m = 1, otherwise both 0: said = table[drafted[0]], zeros
// for a token outside.
int32_t smq_likeliest(smq_context* ctx, uint64_t drafted, uint64_t last, uint64_t said, uint64_t logits,
                      uint64_t settings, uint64_t bias_ids, uint64_t bias_values, uint64_t history,
                      uint64_t cache_length, uint64_t tokens, uint64_t entries, int32_t known,
                      uint64_t table, int32_t table_rows, int32_t rank, int32_t offset, int32_t m,
                      int32_t vocab);
// out[i] = the log-softmax value of targets[i] in row i. targets: i32 [m]; out: f32 [m].
int32_t smq_log_probs(smq_context* ctx, uint64_t out, uint64_t logits, uint64_t targets, int32_t m,
                      int32_t vocab);

// ---- ops: rows --------------------------------------------------------------------------------

// out[i] = x[index[i]]: rows of `width` elements of dtype; strides in elements; an index is clamped
// to 0..x_rows-1.
int32_t smq_gather_rows(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t x,
                        int32_t x_stride, int32_t x_rows, uint64_t index, int32_t m, int32_t width,
                        int32_t dtype);
// out[0] = x[end[0] - start[0] - 1], the row clamped to 0..m-1.
int32_t smq_last_row(smq_context* ctx, uint64_t out, uint64_t x, int32_t x_stride, uint64_t start,
                     uint64_t end, int32_t m, int32_t width, int32_t dtype);
// ring[(start[0] + j) % ring_rows] = x[path[j]] for j < count[0] (at most m), ring: dtype [ring_rows, width].
int32_t smq_ring_write(smq_context* ctx, uint64_t ring, int32_t ring_rows, uint64_t start, uint64_t x,
                       int32_t x_stride, uint64_t path, uint64_t count, int32_t m, int32_t width,
                       int32_t dtype);
// out[j] = ring[(start[0] + j) % ring_rows] for j < m.
int32_t smq_ring_read(smq_context* ctx, uint64_t out, int32_t out_stride, uint64_t ring,
                      int32_t ring_rows, uint64_t start, int32_t m, int32_t width, int32_t dtype);

// ---- ops: tree --------------------------------------------------------------------------------

// One level of a tree of a head. Candidates of all levels lie behind one another: level 1 has topk,
// each further level topk * topk; scores f32, tokens i32, parents i32 (index of the parent
// candidate, -1 for node 0). values f32 and ids i32 [rows, topk] are the top log-probabilities of the
// frontier's rows: rows is 1 at level 1, else topk. A candidate's score is its parent's plus its
// value. The best topk candidates of the level (lower index first among equals) become the frontier:
// front_nodes i32 [topk] (candidate index), front_tokens i32 [topk], front_rows i32 [topk] (which of
// this level's `rows` the entry grew from) and front_mask u64 [topk, mask_words], the head's own rows
// that entry f attends to: its parent's, and bit (level - 1) * topk + f.
int32_t smq_tree_expand(smq_context* ctx, uint64_t scores, uint64_t tokens, uint64_t parents,
                        uint64_t front_nodes, uint64_t front_tokens, uint64_t front_rows,
                        uint64_t front_mask, int32_t mask_words, uint64_t values, uint64_t ids,
                        int32_t level, int32_t topk);
// Keeps the size - 1 best of the candidates (lower index first among equals, so a parent is kept
// with its child), in index order, behind node 0 = history[cache_length[0]]. out_tokens, out_parents
// (row of the parent, -1 for row 0), out_depths (0 for row 0): i32 [size]; out_mask u64 [size]: a row's
// ancestors and itself. size <= SMQ_MAX_TREE, size - 1 <= candidates.
int32_t smq_tree_select(smq_context* ctx, uint64_t out_tokens, uint64_t out_parents,
                        uint64_t out_depths, uint64_t out_mask, uint64_t scores, uint64_t tokens,
                        uint64_t parents, int32_t candidates, uint64_t history,
                        uint64_t cache_length, int32_t size);
// The candidates of a tree that is a sequence with other guesses beside its tokens. L = cache_length[0]; the sequence is
// the tokens of history from L + 1 to limit[0], depth of them at most. What was guessed of position p lies in row (p - 1) %
// ring_rows of ids, i32 [ring_rows, topk], the logarithms of the chances in values, f32, alike. Candidate i, i < depth, is
// the token at L + 1 + i, with score 1; candidate depth + i * topk + j is guess j of that position, its score the sum of the
// values of the sequence's tokens before it (the last value of a row where they are not among its ids) and its own. The
// parent of both is candidate i - 1, or -1. A candidate with score -infinity is none: beyond the sequence's end, the
// sequence's own token once more, or outside 0 .. vocab - 1; its token is history[L]. scores: f32, tokens, parents: i32
// [depth * (1 + topk)]; depth < SMQ_MAX_TREE.
int32_t smq_tree_siblings(smq_context* ctx, uint64_t scores, uint64_t tokens, uint64_t parents,
                          uint64_t values, uint64_t ids, int32_t ring_rows, int32_t topk,
                          uint64_t history, uint64_t cache_length, uint64_t limit, int32_t depth,
                          int32_t vocab);

// ---- ops: round -------------------------------------------------------------------------------

// Verification of m proposed rows. choice: i32 [m], the verifier's after each row.
// tokens, parents: i32 [m] of a tree, or both 0 for a sequence: row i is history[L + i] with parent
// i - 1. limit: i32[1] or 0: only rows with L + i <= limit[0] exist (a sequence shorter than m). From row
// 0, the child whose token is its parent's choice is accepted, again and again. result: i32 [1 + m]:
// the accept length A, then the A tokens committed: the accepted ones and the bonus token, which
// are also written to history[L + 1 ..]. path: i32 [m]: the A rows kept, row 0 first.
int32_t smq_verify(smq_context* ctx, uint64_t result, uint64_t path, uint64_t history,
                   uint64_t cache_length, uint64_t choice, uint64_t tokens, uint64_t parents,
                   uint64_t limit, int32_t m);
// In each of `count` caches (caches: u64 [count] addresses of rows of row_bytes bytes) moves slot
// L + path[j] to slot L + j for j < A = result[0], then adds A to cache_length.
int32_t smq_commit(smq_context* ctx, uint64_t caches, int32_t count, int32_t row_bytes, uint64_t path,
                   uint64_t result, uint64_t cache_length, int32_t m);
// length[0] += delta.
int32_t smq_advance(smq_context* ctx, uint64_t length, int32_t delta);
// length[0] = min(length[0], limit[0] + delta), 0 where that is negative.
int32_t smq_cut_back(smq_context* ctx, uint64_t length, uint64_t limit, int32_t delta);

#ifdef __cplusplus
}
#endif

#endif
