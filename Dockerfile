# syntax=docker/dockerfile:1
# Builds the program in layers that are kept while only the sources change, and puts only the program into an image
# without a shell or a package manager. docs/deploy.md says how to run it.
#
#   docker build -t countersign --build-arg COMMIT="$(git rev-parse --short=12 HEAD)" --build-arg BUILD_DATE="$(date -u +%F)" .

# The same version as in rust-toolchain.toml.
ARG RUST_VERSION=1.95.0

FROM rust:${RUST_VERSION}-slim-bookworm AS build
# cmake and make build zlib-ng and jemalloc. Their versions are the Debian release's: they do not end up in the image.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake g++ make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src

# The dependencies, with an empty program: rebuilt only when the lock file changes.
COPY Cargo.toml Cargo.lock build.rs ./
RUN mkdir src && echo 'fn main() {}' > src/main.rs && : > src/lib.rs \
 && cargo build --release --locked --bin countersign

# The program. The copied sources may be older than the empty program that was just built: `touch` marks them as changed.
COPY src ./src
COPY config ./config
ARG COMMIT=unknown
ARG BUILD_DATE=unknown
RUN touch src/main.rs src/lib.rs build.rs \
 && COUNTERSIGN_COMMIT="${COMMIT}" COUNTERSIGN_BUILD_DATE="${BUILD_DATE}" \
    cargo build --release --locked --bin countersign \
 && mkdir -p /image/var/lib/countersign /image/etc/countersign

# C library, libgcc and CA bundle of the Debian release that the program was built on, and nothing else. Not a static
# build: host names are resolved by glibc, as everywhere else where the program is tested.
FROM gcr.io/distroless/cc-debian12:nonroot
ARG COMMIT=unknown
ARG BUILD_DATE=unknown
LABEL org.opencontainers.image.title="countersign" \
      org.opencontainers.image.description="A payment sidecar: plain JSON in, signed provider calls out, honest outcomes back" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12:nonroot"
COPY --from=build /src/target/release/countersign /usr/bin/countersign
COPY --from=build --chown=65532:65532 /image/var/lib/countersign /var/lib/countersign
COPY --from=build /image/etc/countersign /etc/countersign
COPY LICENSE /usr/share/doc/countersign/LICENSE

ENV COUNTERSIGN_CONFIG=/etc/countersign/countersign.toml
# For `store.url`: an absolute path below it. Keep the volume: it holds the journal of payments.
WORKDIR /var/lib/countersign
VOLUME ["/var/lib/countersign"]
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
# Applications, notifications, admin.
EXPOSE 8600 8601 8602
# An orderly stop: all calls under way are finished.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 CMD ["/usr/bin/countersign", "healthcheck"]
ENTRYPOINT ["/usr/bin/countersign"]
CMD ["run"]
