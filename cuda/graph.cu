// Events, and capture and replay.
#include <memory>

#include "context.cuh"

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
  if (const int32_t status = enter(ctx)) return status;
  return guarded([&] {
    auto event = std::make_unique<smq_event>();
    ctx->events.insert(event.get());
    const int32_t status = cuda_status(ctx, cudaEventCreate(&event->event), "smq_event_create");
    if (status != SMQ_OK) {
      ctx->events.erase(event.get());
      return status;
    }
    *out = event.release();
    return SMQ_OK;
  });
}

int32_t smq_event_destroy(smq_context* ctx, smq_event* event) {
  Check check;
  if (const int32_t status = check_event(check, ctx, "event", event)) return status;
  if (const int32_t status = enter(ctx)) return status;
  return guarded([&] {
    // A graph may outlive an event that was recorded into it.
    if (event->captured) ctx->buried.push_back(event->event);
    const cudaError_t error = event->captured ? cudaSuccess : cudaEventDestroy(event->event);
    ctx->events.erase(event);
    delete event;
    return cuda_status(ctx, error, "smq_event_destroy");
  });
}

int32_t smq_event_record(smq_context* ctx, smq_event* event) {
  Check check;
  if (const int32_t status = check_event(check, ctx, "event", event)) return status;
  if (const int32_t status = enter(ctx)) return status;
  return guarded([&] {
    // As an external event it becomes a node of the graph, which records it at every launch.
    const unsigned flags = ctx->capturing ? cudaEventRecordExternal : cudaEventRecordDefault;
    if (ctx->capturing) ctx->captured.push_back(event);
    const cudaError_t error = cudaEventRecordWithFlags(event->event, ctx->stream, flags);
    if (error == cudaSuccess) (ctx->capturing ? event->captured : event->recorded) = true;
    return cuda_status(ctx, error, "smq_event_record");
  });
}

int32_t smq_event_elapsed(smq_context* ctx, smq_event* start, smq_event* stop, float* out) {
  Check check;
  if (const int32_t status = check_event(check, ctx, "start", start)) return status;
  if (const int32_t status = check_event(check, ctx, "stop", stop)) return status;
  if (check.pointer("out", out).failed()) return check.status();
  if (const int32_t status = enter(ctx)) return status;
  if (const int32_t status = refuse_capture(ctx, "smq_event_elapsed")) return status;
  if (!start->recorded || !stop->recorded) {
    return fail(SMQ_STATE, "%s has not been recorded", start->recorded ? "stop" : "start");
  }
  cudaError_t error = cudaEventSynchronize(start->event);
  if (error == cudaSuccess) error = cudaEventSynchronize(stop->event);
  if (error == cudaSuccess) error = cudaEventElapsedTime(out, start->event, stop->event);
  return cuda_status(ctx, error, "smq_event_elapsed");
}

int32_t smq_graph_begin(smq_context* ctx) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  if (const int32_t status = enter(ctx)) return status;
  if (ctx->capturing) return fail(SMQ_STATE, "a capture is already under way");
  // Relaxed: the calls of one capture may come from different threads.
  const cudaError_t error = cudaStreamBeginCapture(ctx->stream, cudaStreamCaptureModeRelaxed);
  ctx->capturing = error == cudaSuccess;
  ctx->captured.clear();
  return cuda_status(ctx, error, "smq_graph_begin");
}

int32_t smq_graph_end(smq_context* ctx, smq_graph** out) {
  Check check;
  if (check.pointer("ctx", ctx).pointer("out", out).failed()) return check.status();
  *out = nullptr;
  if (const int32_t status = enter(ctx)) return status;
  if (!ctx->capturing) return fail(SMQ_STATE, "no capture is under way");
  return guarded([&] {
    auto graph = std::make_unique<smq_graph>();
    ctx->graphs.insert(graph.get());
    ctx->capturing = false;
    cudaGraph_t captured = nullptr;
    cudaError_t error = cudaStreamEndCapture(ctx->stream, &captured);
    if (error == cudaSuccess) error = cudaGraphInstantiate(&graph->exec, captured, 0);
    if (captured) cudaGraphDestroy(captured);
    // So that the first launch is as quick as the others.
    if (error == cudaSuccess) error = cudaGraphUpload(graph->exec, ctx->stream);
    if (error != cudaSuccess) {
      if (graph->exec) cudaGraphExecDestroy(graph->exec);
      ctx->graphs.erase(graph.get());
      return cuda_status(ctx, error, "smq_graph_end");
    }
    graph->events.swap(ctx->captured);
    *out = graph.release();
    return SMQ_OK;
  });
}

int32_t smq_graph_abort(smq_context* ctx) {
  Check check;
  if (check.pointer("ctx", ctx).failed()) return check.status();
  if (!ctx->capturing) return SMQ_OK;
  if (const int32_t status = enter(ctx)) return status;
  ctx->capturing = false;
  cudaGraph_t captured = nullptr;
  const cudaError_t error = cudaStreamEndCapture(ctx->stream, &captured);
  if (captured) cudaGraphDestroy(captured);
  // What broke the capture is thrown away with it.
  if (error == cudaErrorStreamCaptureInvalidated) {
    cudaGetLastError();
    return SMQ_OK;
  }
  return cuda_status(ctx, error, "smq_graph_abort");
}

int32_t smq_graph_launch(smq_context* ctx, smq_graph* graph) {
  if (const int32_t status = check_graph(ctx, graph)) return status;
  if (const int32_t status = enter(ctx)) return status;
  if (const int32_t status = refuse_capture(ctx, "smq_graph_launch")) return status;
  const cudaError_t error = cudaGraphLaunch(graph->exec, ctx->stream);
  if (error != cudaSuccess) return cuda_status(ctx, error, "smq_graph_launch");
  for (smq_event* event : graph->events) {
    if (ctx->events.count(event)) event->recorded = true;
  }
  return SMQ_OK;
}

int32_t smq_graph_destroy(smq_context* ctx, smq_graph* graph) {
  if (const int32_t status = check_graph(ctx, graph)) return status;
  if (const int32_t status = enter(ctx)) return status;
  const cudaError_t error = cudaGraphExecDestroy(graph->exec);
  ctx->graphs.erase(graph);
  delete graph;
  return cuda_status(ctx, error, "smq_graph_destroy");
}
