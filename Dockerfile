# syntax=docker/dockerfile:1
# The program `nas` on Debian:
#   docker build --tag nas .
#   docker run --rm --init --volume "$PWD:/work" nas search --data photos/
FROM rust:1.95-slim-trixie AS build
# The assembly of the JPEG decoder needs nasm.
RUN apt-get update && apt-get install --yes --no-install-recommends nasm && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Packages and compiled crates are kept for the next build; the program is copied out of what is kept.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package nas-cli \
    && cp target/release/nas /nas

FROM debian:trixie-slim
LABEL org.opencontainers.image.title="nas" \
      org.opencontainers.image.description="Neural architecture search: give it images, and it finds a network for them" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.source="https://github.com/nas-rs/nas"
COPY --from=build /nas /usr/local/bin/nas
COPY LICENSE-MIT LICENSE-APACHE /usr/local/share/doc/nas/
RUN useradd --create-home --uid 1000 nas && install --directory --owner=nas /work /shared
USER nas
# Data are read here, and run directories are written here.
WORKDIR /work
VOLUME /work
ENTRYPOINT ["nas"]
