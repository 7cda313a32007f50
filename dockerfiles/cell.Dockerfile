# One cell. BASE brings the Python where it can; else uv installs it.
#
# Only what BuildKit of Docker 20.10 understands is used: no `# syntax=`, heredoc, --link or
# RUN --network. Layers go from what changes least and takes longest to what changes most: Python, PyTorch,
# ONNX (with the NumPy that is there already, so that it brings no other), SAM, test tools.
# uv and the certificates come in through mounts and leave nothing in a layer.
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
    /run/uv pip install --quiet --compile-bytecode --no-deps --python /opt/venv/bin/python ${SAM}

# Last, for they change most often and take seconds.
ARG TOOLS
RUN --mount=type=bind,source=uv,target=/run/uv \
    --mount=type=cache,id=samcheck-uv,target=/var/cache/uv \
    --mount=type=secret,id=ca,target=/run/ca.crt \
    set -eu; if [ -s /run/ca.crt ]; then export SSL_CERT_FILE=/run/ca.crt; fi; \
    /run/uv pip install --quiet --compile-bytecode --python /opt/venv/bin/python ${TOOLS}

ENV PATH=/opt/venv/bin:${PATH}
