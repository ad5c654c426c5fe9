// What both libraries keep of a context, and what a library implements of its life: for each
// smq_<call> a run_<call>, called with arguments that common/ has checked.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/abi.h"

namespace smq {

constexpr int kMostThreads = 256;

// Whether an environment variable has a value.
bool environment_is(const char* variable, const char* value);

// A range of addresses, backed from its start.
struct Range {
  int64_t reserved;
  int64_t backed;
  std::vector<int64_t> chunks;  // bytes of each piece behind it, where these are given back one by one
};

// Of device or pinned memory: bytes by address.
using Allocations = std::map<uint64_t, int64_t>;

// smq_context derives from it.
struct ContextBase {
  // Fresh memory is filled with 0xff, which is NaN in every float dtype.
  const bool poison = environment_is("SMQ_POISON", "1");
  bool capturing = false;  // between smq_graph_begin and its end
  int64_t used = 0;
  Allocations allocations;
  Allocations pinned;
  std::map<uint64_t, Range> ranges;
  std::set<smq_event*> events;
  std::set<smq_graph*> graphs;
  std::set<smq_reader*> readers;
};
ContextBase& base(smq_context* ctx);

// Makes the context ready for calls on this thread; refuses one that is dead.
int32_t enter(smq_context* ctx);

// What smq_describe says.
struct Description {
  const char* backend;
  std::string name;
  uint64_t memory;
  std::string detail;
};
int32_t run_describe(int32_t device, Description* out);
decltype(smq_context_create) run_context_create;
decltype(smq_context_destroy) run_context_destroy;
decltype(smq_synchronize) run_synchronize;

decltype(smq_malloc) run_malloc;
decltype(smq_free) run_free;
decltype(smq_pinned_malloc) run_pinned_malloc;
decltype(smq_pinned_free) run_pinned_free;
// Sets what the range reserves, rounded up from bytes.
int32_t run_reserve(smq_context* ctx, int64_t bytes, uint64_t* out, Range* range);
// Backs bytes and perhaps more of the range, and counts that in it.
int32_t run_grow(smq_context* ctx, uint64_t address, Range& range, int64_t bytes);
int32_t run_release(smq_context* ctx, uint64_t address, const Range& range);
int32_t run_memory_info(smq_context* ctx, int64_t* out_free, int64_t* out_total);
decltype(smq_upload) run_upload;      // bytes > 0
decltype(smq_download) run_download;  // bytes > 0

bool is_recorded(const smq_event* event);
decltype(smq_event_create) run_event_create;
decltype(smq_event_destroy) run_event_destroy;
decltype(smq_event_record) run_event_record;
decltype(smq_event_elapsed) run_event_elapsed;
decltype(smq_graph_begin) run_graph_begin;
decltype(smq_graph_end) run_graph_end;
decltype(smq_graph_abort) run_graph_abort;
decltype(smq_graph_launch) run_graph_launch;
decltype(smq_graph_destroy) run_graph_destroy;

// Say what was requested, and what is free.
int32_t out_of_memory(int64_t bytes, int64_t free);
int32_t no_addresses(int64_t bytes);

// Enters the context; refuses a call that cannot be captured while a capture is under way.
int32_t enter_uncaptured(smq_context* ctx, const char* op);

}  // namespace smq
