# Three images from one file: `exporter` (the last stage, the default), `report` with the library that draws charts, and
# `demo`, which adds what the simulated service, its players, the notification sink and `generate` need.
#
# Everything installed is named by hash: requirements.lock for the exporter, deploy/docker/*.lock for the rest.
FROM python:3.14.7-slim-bookworm@sha256:9ab8d9c8514b44f90cf0029dd42fdd7e9e211e639c8b995304cc04568dee900f AS base

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock deploy/docker/build.lock ./
RUN python -m venv --without-pip /opt/jackpot-exporter \
    && python -m pip --python /opt/jackpot-exporter/bin/python install --require-hashes --no-deps -r requirements.lock \
    && python -m pip install --require-hashes --no-deps -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN python -m pip wheel --no-build-isolation --no-deps --wheel-dir wheels . \
    && python -m pip --python /opt/jackpot-exporter/bin/python install --no-deps --no-index wheels/*.whl

FROM build AS build-demo
COPY deploy/docker/demo.lock ./
RUN python -m pip --python /opt/jackpot-exporter/bin/python install --require-hashes --no-deps -r demo.lock

FROM build AS build-report
COPY deploy/docker/report.lock ./
RUN python -m pip --python /opt/jackpot-exporter/bin/python install --require-hashes --no-deps -r report.lock

# What all images are: the user nobody, and nothing to write to but these folders, which are meant as volumes.
FROM base AS run
RUN install -d -o 65534 -g 65534 -m 0750 /var/lib/jackpot-exporter \
    && install -d -o 65534 -g 65534 -m 0755 /var/log/jackpot /backups /bundle
ENV PATH=/opt/jackpot-exporter/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65534:65534
WORKDIR /var/lib/jackpot-exporter

FROM run AS demo
COPY --from=build-demo /opt/jackpot-exporter /opt/jackpot-exporter
CMD ["jackpot-exporter", "--help"]

FROM run AS report
COPY --from=build-report /opt/jackpot-exporter /opt/jackpot-exporter
ENV MPLCONFIGDIR=/tmp
ENTRYPOINT ["jackpot-exporter"]
CMD ["report"]

FROM run AS exporter
COPY --from=build /opt/jackpot-exporter /opt/jackpot-exporter
EXPOSE 7777
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:7777/-/healthy', timeout=4)"]
ENTRYPOINT ["jackpot-exporter"]
CMD ["serve"]
