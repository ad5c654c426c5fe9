// Events, and capture and replay.
#include <memory>

#include "context.cuh"

namespace smq {

namespace {

cudaError_t destroy(smq_context* ctx, smq_graph* graph) {
  ctx->graphs.erase(graph);
  return graph->exec ? cudaGraphExecDestroy(graph->exec) : cudaSuccess;
}

}  // namespace

bool is_recorded(const smq_event* event) { return event->recorded; }

int32_t run_event_create(smq_context* ctx, smq_event** out) {
  auto event = std::make_unique<smq_event>();
  ctx->events.insert(event.get());
  const int32_t status = cuda_status(ctx, cudaEventCreate(&event->event), "smq_event_create");
  if (status != SMQ_OK) {
    ctx->events.erase(event.get());
    return status;
  }
  *out = event.release();
  return SMQ_OK;
}

int32_t run_event_destroy(smq_context* ctx, smq_event* event) {
  // A graph may outlive an event that was recorded into it.
  if (event->captured) ctx->buried.push_back(event->event);
  const cudaError_t error = event->captured ? cudaSuccess : cudaEventDestroy(event->event);
  ctx->events.erase(event);
  delete event;
  return cuda_status(ctx, error, "smq_event_destroy");
}

int32_t run_event_record(smq_context* ctx, smq_event* event) {
  // As an external event it becomes a node of the graph, which records it at every launch.
  const unsigned flags = ctx->capturing ? cudaEventRecordExternal : cudaEventRecordDefault;
  if (ctx->capturing) ctx->captured.push_back(event);
  const cudaError_t error = cudaEventRecordWithFlags(event->event, ctx->stream, flags);
  if (error == cudaSuccess) (ctx->capturing ? event->captured : event->recorded) = true;
  return cuda_status(ctx, error, "smq_event_record");
}

int32_t run_event_elapsed(smq_context* ctx, smq_event* start, smq_event* stop, float* out) {
  cudaError_t error = cudaEventSynchronize(start->event);
  if (error == cudaSuccess) error = cudaEventSynchronize(stop->event);
  if (error == cudaSuccess) error = cudaEventElapsedTime(out, start->event, stop->event);
  return cuda_status(ctx, error, "smq_event_elapsed");
}

int32_t run_graph_begin(smq_context* ctx) {
  // Relaxed: the calls of one capture may come from different threads.
  const cudaError_t error = cudaStreamBeginCapture(ctx->stream, cudaStreamCaptureModeRelaxed);
  ctx->capturing = error == cudaSuccess;
  ctx->rotated = {};  // before the graph, not in it
  ctx->captured.clear();
  return cuda_status(ctx, error, "smq_graph_begin");
}

int32_t run_graph_end(smq_context* ctx, smq_graph** out) {
  auto graph = std::make_unique<smq_graph>();
  ctx->graphs.insert(graph.get());
  ctx->capturing = false;
  ctx->rotated = {};  // in the graph, not behind it
  cudaGraph_t captured = nullptr;
  cudaError_t error = cudaStreamEndCapture(ctx->stream, &captured);
  if (error == cudaSuccess) error = cudaGraphInstantiate(&graph->exec, captured, 0);
  if (captured) cudaGraphDestroy(captured);
  // So that the first launch is as quick as the others.
  if (error == cudaSuccess) error = cudaGraphUpload(graph->exec, ctx->stream);
  if (error != cudaSuccess) {
    destroy(ctx, graph.get());
    return cuda_status(ctx, error, "smq_graph_end");
  }
  graph->events.swap(ctx->captured);
  *out = graph.release();
  return SMQ_OK;
}

int32_t run_graph_abort(smq_context* ctx) {
  ctx->capturing = false;
  ctx->rotated = {};  // in the graph, not behind it
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

int32_t run_graph_launch(smq_context* ctx, smq_graph* graph) {
  const cudaError_t error = cudaGraphLaunch(graph->exec, ctx->stream);
  if (error != cudaSuccess) return cuda_status(ctx, error, "smq_graph_launch");
  for (smq_event* event : graph->events) {
    if (ctx->events.count(event)) event->recorded = true;
  }
  return SMQ_OK;
}

int32_t run_graph_destroy(smq_context* ctx, smq_graph* graph) {
  const cudaError_t error = destroy(ctx, graph);
  delete graph;
  return cuda_status(ctx, error, "smq_graph_destroy");
}

}  // namespace smq
