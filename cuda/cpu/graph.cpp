// Events, and capture and replay: a graph is the list of resolved calls between begin and end.
#include "context.h"

using namespace smq;

namespace {

int32_t check_event(Check& check, const smq_context* ctx, const char* name, smq_event* event) {
  if (check.pointer("ctx", ctx).pointer(name, event).failed()) return check.status();
  if (ctx->events.count(event)) return SMQ_OK;
  return fail(SMQ_INVALID, "%s is not an event of this context", name);
}

int32_t check_graph(const smq_context* ctx, smq_graph* graph) {
  Check check;
  if (check.pointer("ctx", ctx).pointer("graph", graph).failed()) return check.status();
  if (ctx->graphs.count(graph)) return SMQ_OK;
  return fail(SMQ_INVALID, "graph is not a graph of this context");
}

}  // namespace

int32_t smq_event_create(smq_context* ctx, smq_event** out) {
  Check check;
  if (check.pointer("ctx", ctx).pointer("out", out).failed()) return check.status();
  *out = nullptr;
  return guarded([&] {
    auto event = std::make_unique<smq_event>();
    ctx->events.insert(event.get());
    *out = event.release();
    return SMQ_OK;
  });
}

int32_t smq_event_destroy(smq_context* ctx, smq_event* event) {
  Check check;
  if (const int32_t status = check_event(check, ctx, "event", event)) return status;
  ctx->events.erase(event);
  delete event;
  return SMQ_OK;
}

int32_t smq_event_record(smq_context* ctx, smq_event* event) {
  Check check;
  if (const int32_t status = check_event(check, ctx, "event", event)) return status;
  return submit(ctx, [ctx, event] {
    // A graph may outlive an event that was recorded into it.
    if (!ctx->events.count(event)) return;
    event->time = std::chrono::steady_clock::now();
    event->recorded = true;
  });
}

int32_t smq_event_elapsed(smq_context* ctx, smq_event* start, smq_event* stop, float* out) {
  Check check;
  if (const int32_t status = check_event(check, ctx, "start", start)) return status;
  if (const int32_t status = check_event(check, ctx, "stop", stop)) return status;
  if (check.pointer("out", out).failed()) return check.status();
  if (const int32_t status = refuse_capture(ctx, "smq_event_elapsed")) return status;
  if (!start->recorded || !stop->recorded) {
    return fail(SMQ_STATE, "%s has not been recorded", start->recorded ? "stop" : "start");
  }
  *out = std::chrono::duration<float, std::milli>(stop->time - start->time).count();
  return SMQ_OK;
}

int32_t smq_graph_begin(smq_context* ctx) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  if (ctx->capture) return fail(SMQ_STATE, "a capture is already under way");
  return guarded([&] {
    ctx->capture = std::make_unique<smq_graph>();
    return SMQ_OK;
  });
}

int32_t smq_graph_end(smq_context* ctx, smq_graph** out) {
  Check check;
  if (check.pointer("ctx", ctx).pointer("out", out).failed()) return check.status();
  *out = nullptr;
  if (!ctx->capture) return fail(SMQ_STATE, "no capture is under way");
  return guarded([&] {
    ctx->graphs.insert(ctx->capture.get());
    *out = ctx->capture.release();
    return SMQ_OK;
  });
}

int32_t smq_graph_abort(smq_context* ctx) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  ctx->capture.reset();
  return SMQ_OK;
}

int32_t smq_graph_launch(smq_context* ctx, smq_graph* graph) {
  if (const int32_t status = check_graph(ctx, graph)) return status;
  if (const int32_t status = refuse_capture(ctx, "smq_graph_launch")) return status;
  return guarded([&] {
    for (const auto& call : graph->calls) call();
    return SMQ_OK;
  });
}

int32_t smq_graph_destroy(smq_context* ctx, smq_graph* graph) {
  if (const int32_t status = check_graph(ctx, graph)) return status;
  ctx->graphs.erase(graph);
  delete graph;
  return SMQ_OK;
}
