# specmquant in an image, with neither a compiler nor Node in it:
#
#     docker build -t specmquant .                        the CPU library
#     docker build -t specmquant --build-arg BACKEND=cuda .   the CUDA library too
#     docker run --rm specmquant demo
#     docker run --rm -p 8000:8000 -v ./models:/models:ro specmquant serve -t /models/m.gguf --host 0.0.0.0
#
# CUDA's runtime is linked in; the driver comes from the host, with `docker run --gpus all`.
ARG BACKEND=cpu
ARG DENO=2.9.6

FROM node:22-bookworm AS base
ARG DENO
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake python3-pip \
    && rm -rf /var/lib/apt/lists/* \
    && npm install --global "deno@${DENO}"
WORKDIR /src
COPY . .
RUN deno task build

FROM base AS packed-cpu
RUN deno run -A scripts/package/npm.ts --no-types

FROM base AS packed-cuda
ARG ARCHS=80,86,89,90a,100
RUN deno task build:cuda --arch "${ARCHS}" --fetch
RUN deno run -A scripts/package/npm.ts --no-types \
    --library linux-x64-cpu=build/libspecmquant_cpu.so \
    --library linux-x64-cuda=build/libspecmquant.so

FROM packed-${BACKEND} AS packed
ARG DENO
WORKDIR /opt/specmquant
RUN npm install --no-audit --no-fund "deno@${DENO}" /src/build/packages/*.tgz

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home specmquant
COPY --from=packed /opt/specmquant /opt/specmquant
USER specmquant
WORKDIR /home/specmquant
ENV DENO_NO_UPDATE_CHECK=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
ENTRYPOINT ["/opt/specmquant/node_modules/deno/deno", "run", "--allow-all", "--no-config", \
    "--node-modules-dir=manual", \
    "/opt/specmquant/node_modules/@specmquant/specmquant/scripts/package/program.js"]
CMD ["--help"]
