# One cell. BASE provides Python if it can; otherwise uv installs it.
#
# Restricted to what BuildKit in Docker 20.10 supports: no `# syntax=`, heredoc, --link or RUN --network.
# Layers are ordered from rarely changed and slow to often changed: Python, PyTorch, ONNX (with the NumPy
# that is already installed, so that it does not pull in another), SAM, test tools. PyTorch, being installed, stays.
# uv and the certificates are mounted and leave nothing in a layer.
ARG BASE
FROM ${BASE}

ENV UV_CACHE_DIR=/var/cache/uv \
    UV_LINK_MODE=copy \
    UV_NO_PROGRESS=1 \
    UV_PYTHON_INSTALL_DIR=/opt/python

ARG PYTHON
RUN --mount=type=bind,source=uv,target=/run/uv \
    --mount=type=cache,id=samcheck-uv,target=/var/cache/uv \
    --mount=type=secret,id=ca,target=/run/ca.crt \
    set -eu; if [ -s /run/ca.crt ]; then export SSL_CERT_FILE=/run/ca.crt; fi; \
    /run/uv venv --quiet --python "${PYTHON}" /opt/venv

ARG TORCH
ARG TORCH_INDEX=
RUN --mount=type=bind,source=uv,target=/run/uv \
    --mount=type=cache,id=samcheck-uv,target=/var/cache/uv \
    --mount=type=secret,id=ca,target=/run/ca.crt \
    set -eu; if [ -s /run/ca.crt ]; then export SSL_CERT_FILE=/run/ca.crt; fi; \
    /run/uv pip install --quiet --compile-bytecode --python /opt/venv/bin/python \
        ${TORCH_INDEX:+--index ${TORCH_INDEX} --index-strategy unsafe-best-match} ${TORCH}

ARG EXPORT
RUN --mount=type=bind,source=uv,target=/run/uv \
    --mount=type=cache,id=samcheck-uv,target=/var/cache/uv \
    --mount=type=secret,id=ca,target=/run/ca.crt \
    set -eu; if [ -s /run/ca.crt ]; then export SSL_CERT_FILE=/run/ca.crt; fi; \
    /run/uv pip install --quiet --compile-bytecode --python /opt/venv/bin/python ${EXPORT}

ARG SAM
RUN --mount=type=bind,source=uv,target=/run/uv \
    --mount=type=cache,id=samcheck-uv,target=/var/cache/uv \
    --mount=type=secret,id=ca,target=/run/ca.crt \
    set -eu; if [ -s /run/ca.crt ]; then export SSL_CERT_FILE=/run/ca.crt; fi; \
    /run/uv pip install --quiet --compile-bytecode --python /opt/venv/bin/python ${SAM}

# What is installed without what it declares; a source archive may import PyTorch to build.
ARG BARE=
ARG BUILD_ENVIRONMENT=
RUN --mount=type=bind,source=uv,target=/run/uv \
    --mount=type=cache,id=samcheck-uv,target=/var/cache/uv \
    --mount=type=secret,id=ca,target=/run/ca.crt \
    set -eu; if [ -s /run/ca.crt ]; then export SSL_CERT_FILE=/run/ca.crt; fi; \
    if [ -n "${BARE}" ]; then env ${BUILD_ENVIRONMENT} /run/uv pip install --quiet --compile-bytecode \
        --no-deps --no-build-isolation --python /opt/venv/bin/python ${BARE}; fi

# Last, because they change most often and take seconds.
ARG TOOLS
RUN --mount=type=bind,source=uv,target=/run/uv \
    --mount=type=cache,id=samcheck-uv,target=/var/cache/uv \
    --mount=type=secret,id=ca,target=/run/ca.crt \
    set -eu; if [ -s /run/ca.crt ]; then export SSL_CERT_FILE=/run/ca.crt; fi; \
    /run/uv pip install --quiet --compile-bytecode --python /opt/venv/bin/python ${TOOLS}

ENV PATH=/opt/venv/bin:${PATH}
