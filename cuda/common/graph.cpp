// Events, and capture and replay.
#include "common/context.h"
#include "common/error.h"

using namespace smq;

namespace {

int32_t check_event(smq_context* ctx, const char* name, smq_event* event) {
  Check check;
  if (check.pointer("ctx", ctx).pointer(name, event).failed()) return check.status();
  if (base(ctx).events.count(event)) return SMQ_OK;
  return fail(SMQ_INVALID, "%s is not an event of this context", name);
}

int32_t check_graph(smq_context* ctx, smq_graph* graph) {
  Check check;
  if (check.pointer("ctx", ctx).pointer("graph", graph).failed()) return check.status();
  if (base(ctx).graphs.count(graph)) return SMQ_OK;
  return fail(SMQ_INVALID, "graph is not a graph of this context");
}

}  // namespace

int32_t smq_event_create(smq_context* ctx, smq_event** out) {
  Check check;
  if (check.pointer("ctx", ctx).pointer("out", out).failed()) return check.status();
  *out = nullptr;
  if (const int32_t status = enter(ctx)) return status;
  return guarded([&] { return run_event_create(ctx, out); });
}

int32_t smq_event_destroy(smq_context* ctx, smq_event* event) {
  if (const int32_t status = check_event(ctx, "event", event)) return status;
  if (const int32_t status = enter(ctx)) return status;
  return guarded([&] { return run_event_destroy(ctx, event); });
}

int32_t smq_event_record(smq_context* ctx, smq_event* event) {
  if (const int32_t status = check_event(ctx, "event", event)) return status;
  if (const int32_t status = enter(ctx)) return status;
  return guarded([&] { return run_event_record(ctx, event); });
}

int32_t smq_event_elapsed(smq_context* ctx, smq_event* start, smq_event* stop, float* out) {
  if (const int32_t status = check_event(ctx, "start", start)) return status;
  if (const int32_t status = check_event(ctx, "stop", stop)) return status;
  Check check;
  if (check.pointer("out", out).failed()) return check.status();
  if (const int32_t status = enter_uncaptured(ctx, "smq_event_elapsed")) return status;
  if (!is_recorded(start) || !is_recorded(stop)) {
    return fail(SMQ_STATE, "%s has not been recorded", is_recorded(start) ? "stop" : "start");
  }
  return run_event_elapsed(ctx, start, stop, out);
}

int32_t smq_graph_begin(smq_context* ctx) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  if (const int32_t status = enter(ctx)) return status;
  if (base(ctx).capturing) return fail(SMQ_STATE, "a capture is already under way");
  return run_graph_begin(ctx);
}

int32_t smq_graph_end(smq_context* ctx, smq_graph** out) {
  Check check;
  if (check.pointer("ctx", ctx).pointer("out", out).failed()) return check.status();
  *out = nullptr;
  if (const int32_t status = enter(ctx)) return status;
  if (!base(ctx).capturing) return fail(SMQ_STATE, "no capture is under way");
  return guarded([&] { return run_graph_end(ctx, out); });
}

int32_t smq_graph_abort(smq_context* ctx) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  if (!base(ctx).capturing) return SMQ_OK;
  if (const int32_t status = enter(ctx)) return status;
  return run_graph_abort(ctx);
}

int32_t smq_graph_launch(smq_context* ctx, smq_graph* graph) {
  if (const int32_t status = check_graph(ctx, graph)) return status;
  if (const int32_t status = enter_uncaptured(ctx, "smq_graph_launch")) return status;
  return guarded([&] { return run_graph_launch(ctx, graph); });
}

int32_t smq_graph_destroy(smq_context* ctx, smq_graph* graph) {
  if (const int32_t status = check_graph(ctx, graph)) return status;
  if (const int32_t status = enter(ctx)) return status;
  return run_graph_destroy(ctx, graph);
}
