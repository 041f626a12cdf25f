# An image that runs `jvlgs`, for GPUs, for TPUs or for neither:
#   docker build --build-arg=JAX=jax[cuda13] --build-arg=COMMIT="$(git rev-parse HEAD)" --tag=jvlgs:gpu .
#   docker build --build-arg=JAX=jax[tpu] --build-arg=COMMIT="$(git rev-parse HEAD)" --tag=jvlgs:tpu .
# jax[cuda13] brings CUDA with it; the host needs the driver and the NVIDIA container toolkit.
FROM python:3.12-slim

ARG JAX=jax

WORKDIR /jvlgs
COPY . .
RUN pip install --no-cache-dir . "${JAX}"

# What a training's folder says of the code: the image holds no history to ask.
ARG COMMIT=
ENV JVLGS_COMMIT=${COMMIT}

# As the first process of a container, `jvlgs` gets SIGTERM itself: it saves and exits with 143.
ENTRYPOINT ["jvlgs"]
CMD ["--help"]
