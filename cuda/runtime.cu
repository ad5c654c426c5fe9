// The library and its contexts.
#include <memory>
#include <mutex>
#include <string>

#include "context.cuh"
#include "memory.cuh"

namespace smq {
namespace {

constexpr int kMostDevices = 64;

// Contexts alive on each device: the last one to go resets a device that failed.
std::mutex alive_mutex;
int alive[kMostDevices];
bool failed[kMostDevices];  // whether this process has reset it; the driver may refuse it from then on

__global__ void probe() {}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// SMQ_CUDA_ARCHS as "80, 90a".
std::string built_for() {
  std::string text;
  for (const char* c = SMQ_CUDA_ARCHS; *c; ++c) {
    if (*c == '_') text += ',';
    text += *c == '_' ? ' ' : *c;
  }
  return text;
}

int32_t no_device(cudaError_t error) {
  int driver = 0;
  cudaDriverGetVersion(&driver);
  cudaGetLastError();
  if (driver == 0) {
    return fail(SMQ_NO_DEVICE, "no NVIDIA driver is installed, expected one for CUDA %s or newer",
                version_text(CUDART_VERSION).c_str());
  }
  if (error == cudaErrorInsufficientDriver) {
    return fail(SMQ_NO_DEVICE, "the driver is for CUDA %s, expected %s or newer",
                version_text(driver).c_str(), version_text(CUDART_VERSION).c_str());
  }
  if (error == cudaErrorNoDevice) {
    return fail(SMQ_NO_DEVICE, "the driver (CUDA %s) sees no device, expected at least one",
                version_text(driver).c_str());
  }
  return fail(SMQ_NO_DEVICE, "the driver (CUDA %s) refused its devices: %s",
              version_text(driver).c_str(), cudaGetErrorString(error));
}

int32_t find_device(int32_t device, cudaDeviceProp* properties) {
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count)) return no_device(error);
  if (count == 0) return no_device(cudaErrorNoDevice);
  if (device < 0 || device >= count || device >= kMostDevices) {
    return fail(SMQ_NO_DEVICE, "device is %d, expected 0 to %d", device, count - 1);
  }
  if (const cudaError_t error = cudaGetDeviceProperties(properties, device)) return no_device(error);
  return SMQ_OK;
}

// Whether one of the compiled architectures runs on the current device.
int32_t check_architecture(int32_t device, const cudaDeviceProp& properties) {
  cudaFuncAttributes attributes;
  const cudaError_t error = cudaFuncGetAttributes(&attributes, probe);
  cudaGetLastError();
  switch (error) {
    case cudaSuccess:
      return SMQ_OK;
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorInvalidKernelImage:
    case cudaErrorInvalidPtx:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorJitCompilerNotFound:
      return fail(SMQ_NO_DEVICE,
                  "device %d is %s of compute capability %d.%d, expected one that this library was "
                  "built for: %s (%s)",
                  device, properties.name, properties.major, properties.minor, built_for().c_str(),
                  cudaGetErrorString(error));
    default:
      return fail(SMQ_NO_DEVICE, "device %d (%s) was refused: %s%s", device, properties.name,
                  cudaGetErrorString(error),
                  failed[device] ? "; it failed earlier in this process, expected a new process" : "");
  }
}

// Errors after which the driver refuses every further call of this process on the device.
bool is_fatal(cudaError_t error) {
  switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
    case cudaErrorTensorMemoryLeak:
    case cudaErrorExternalDevice:
    case cudaErrorContextIsDestroyed:
    case cudaErrorCudartUnloading:
    case cudaErrorDevicesUnavailable:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

void close(smq_context* ctx) {
  if (use_device(ctx->device) == cudaSuccess) {
    if (ctx->capturing) {
      cudaGraph_t graph = nullptr;
      cudaStreamEndCapture(ctx->stream, &graph);
      if (graph) cudaGraphDestroy(graph);
    }
    if (ctx->stream) cudaStreamSynchronize(ctx->stream);
    for (auto* graph : ctx->graphs) {
      cudaGraphExecDestroy(graph->exec);
      delete graph;
    }
    for (auto* event : ctx->events) {
      cudaEventDestroy(event->event);
      delete event;
    }
    for (const cudaEvent_t event : ctx->buried) cudaEventDestroy(event);
    for (const auto& entry : ctx->allocations) cudaFree(at<void>(entry.first));
    for (const auto& entry : ctx->pinned) cudaFreeHost(at<void>(entry.first));
    for (const auto& entry : ctx->ranges) unmap(entry.first, entry.second);
    cudaFree(ctx->scratch);
    cudaFree(ctx->counters);
    if (ctx->stream) cudaStreamDestroy(ctx->stream);
  }
  cudaGetLastError();
}

// The bytes that the memory brings to each of `sms` multiprocessors in a microsecond, by its clock and its width.
double bytes_a_microsecond(int device, int sms) {
  constexpr double kUnknown = 37e3;
  int kilohertz = 0, bits = 0;
  if (cudaDeviceGetAttribute(&kilohertz, cudaDevAttrMemoryClockRate, device) != cudaSuccess ||
      cudaDeviceGetAttribute(&bits, cudaDevAttrGlobalMemoryBusWidth, device) != cudaSuccess) {
    cudaGetLastError();
  }
  const double bytes = 2e-3 * kilohertz * (bits / 8) / sms;  // two transfers a cycle
  return bytes > 0 ? bytes : kUnknown;
}

int32_t open(smq_context* ctx, const cudaDeviceProp& properties) {
  const auto tried = [&](cudaError_t error) { return cuda_status(ctx, error, "smq_context_create"); };
  if (const cudaError_t error = cudaStreamCreateWithFlags(&ctx->stream, cudaStreamNonBlocking)) {
    return tried(error);
  }
  if (const cudaError_t error = cudaMalloc(&ctx->scratch, kScratchBytes)) return tried(error);
  ctx->scratch_bytes = kScratchBytes;
  void* counters = nullptr;
  if (const cudaError_t error = cudaMalloc(&counters, kCounterBytes)) return tried(error);
  ctx->counters = static_cast<uint32_t*>(counters);
  cudaMemsetAsync(ctx->scratch, 0, kScratchBytes, ctx->stream);
  cudaMemsetAsync(ctx->counters, 0, kCounterBytes, ctx->stream);
  ctx->sms = properties.multiProcessorCount;
  ctx->capability = properties.major * 10 + properties.minor;
  ctx->shared = int(properties.sharedMemPerBlockOptin);
  ctx->bytes_a_microsecond = bytes_a_microsecond(ctx->device, ctx->sms);
  return tried(cudaStreamSynchronize(ctx->stream));
}

}  // namespace

int32_t cuda_status(smq_context* ctx, cudaError_t error, const char* what) {
  cudaGetLastError();
  if (ctx->dead || is_fatal(error)) {
    const bool first = !ctx->dead;
    ctx->dead = true;
    return fail(SMQ_DEVICE, "the context is dead: %s%s%s", first ? what : "the device failed earlier",
                first ? " met " : "", first ? cudaGetErrorString(error) : "");
  }
  if (error == cudaSuccess) return SMQ_OK;
  if (error == cudaErrorMemoryAllocation) {
    std::size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    cudaGetLastError();
    return fail(SMQ_OUT_OF_MEMORY, "%s ran out of memory: %lld of %lld bytes are free", what,
                (long long)free, (long long)total);
  }
  if (error >= cudaErrorStreamCaptureUnsupported && error <= cudaErrorCapturedEvent) {
    return fail(SMQ_STATE, "%s cannot be captured: %s", what, cudaGetErrorString(error));
  }
  return fail(SMQ_DEVICE, "%s was refused: %s (%d)", what, cudaGetErrorString(error), int(error));
}

int32_t enter(smq_context* ctx) {
  if (ctx->dead) return cuda_status(ctx, cudaSuccess, "");
  if (const int32_t status = cuda_status(ctx, use_device(ctx->device), "choosing the device")) return status;
  if (ctx->company.empty() && !ctx->parts) return SMQ_OK;
  if (!ctx->company.empty()) queue_company(ctx);
  if (ctx->parts) add_parts(ctx);
  return launched(ctx, "what waited for the next op");
}

ContextBase& base(smq_context* ctx) { return *ctx; }

int32_t run_describe(int32_t device, Description* out) {
  cudaDeviceProp properties;
  if (const int32_t status = find_device(device, &properties)) return status;
  int driver = 0;
  cudaDriverGetVersion(&driver);
  out->backend = "cuda";
  out->name = properties.name;
  out->memory = properties.totalGlobalMem;
  out->detail = "compute capability " + std::to_string(properties.major) + "." +
                std::to_string(properties.minor) + ", driver for CUDA " + version_text(driver) +
                ", runtime " + version_text(CUDART_VERSION) + ", built for " + built_for();
  return SMQ_OK;
}

int32_t run_context_create(int32_t device, int32_t, smq_context** out) {
  cudaDeviceProp properties;
  if (const int32_t status = find_device(device, &properties)) return status;
  if (const cudaError_t error = use_device(device)) return no_device(error);
  {
    const std::lock_guard<std::mutex> lock(alive_mutex);
    if (const int32_t status = check_architecture(device, properties)) return status;
  }
  auto ctx = std::make_unique<smq_context>();
  ctx->device = device;
  if (const int32_t status = open(ctx.get(), properties)) {
    close(ctx.get());
    return status;
  }
  const std::lock_guard<std::mutex> lock(alive_mutex);
  ++alive[device];
  *out = ctx.release();
  return SMQ_OK;
}

int32_t run_context_destroy(smq_context* ctx) {
  close(ctx);
  const std::lock_guard<std::mutex> lock(alive_mutex);
  // A failed device gives nothing back by itself, and would refuse the next context too.
  if (--alive[ctx->device] == 0 && ctx->dead) {
    failed[ctx->device] = true;
    cudaDeviceReset();
    cudaGetLastError();
  }
  delete ctx;
  return SMQ_OK;
}

int32_t run_synchronize(smq_context* ctx) {
  return cuda_status(ctx, cudaStreamSynchronize(ctx->stream), "smq_synchronize");
}

}  // namespace smq
