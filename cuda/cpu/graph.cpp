// Events, and capture and replay: a graph is the list of resolved calls between begin and end.
#include "context.h"

namespace smq {

bool is_recorded(const smq_event* event) { return event->recorded; }

int32_t run_event_create(smq_context* ctx, smq_event** out) {
  auto event = std::make_unique<smq_event>();
  ctx->events.insert(event.get());
  *out = event.release();
  return SMQ_OK;
}

int32_t run_event_destroy(smq_context* ctx, smq_event* event) {
  ctx->events.erase(event);
  delete event;
  return SMQ_OK;
}

int32_t run_event_record(smq_context* ctx, smq_event* event) {
  return submit(ctx, [ctx, event] {
    // A graph may outlive an event that was recorded into it.
    if (!ctx->events.count(event)) return;
    event->time = std::chrono::steady_clock::now();
    event->recorded = true;
  });
}

int32_t run_event_elapsed(smq_context*, smq_event* start, smq_event* stop, float* out) {
  *out = std::chrono::duration<float, std::milli>(stop->time - start->time).count();
  return SMQ_OK;
}

int32_t run_graph_begin(smq_context* ctx) {
  ctx->capturing = true;
  return SMQ_OK;
}

int32_t run_graph_end(smq_context* ctx, smq_graph** out) {
  auto graph = std::make_unique<smq_graph>();
  ctx->graphs.insert(graph.get());
  graph->calls.swap(ctx->captured);
  ctx->capturing = false;
  *out = graph.release();
  return SMQ_OK;
}

int32_t run_graph_abort(smq_context* ctx) {
  ctx->captured.clear();
  ctx->capturing = false;
  return SMQ_OK;
}

int32_t run_graph_launch(smq_context*, smq_graph* graph) {
  for (const auto& call : graph->calls) call();
  return SMQ_OK;
}

int32_t run_graph_destroy(smq_context* ctx, smq_graph* graph) {
  ctx->graphs.erase(graph);
  delete graph;
  return SMQ_OK;
}

}  // namespace smq
