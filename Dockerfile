# A glibc image: Temporal's native module has no build for musl.
FROM node:20-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build-workflow-bundle.mjs scripts/
COPY workflows workflows
COPY activities activities
COPY workers workers
COPY contracts contracts
COPY simplestreams simplestreams
COPY openstack openstack
COPY staging staging
COPY mirrors mirrors
COPY targets targets
COPY config config
COPY cli cli
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:20-bookworm-slim
LABEL org.opencontainers.image.title="image-stream" org.opencontainers.image.licenses="Apache-2.0"
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/* \
  && groupadd --gid 10001 image-stream \
  && useradd --uid 10001 --gid image-stream --create-home image-stream \
  && install -d -o image-stream -g image-stream /var/lib/image-stream/staging /etc/image-stream
WORKDIR /opt/image-stream
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE README.md ./
COPY bin bin
ENV NODE_ENV=production XDG_CACHE_HOME=/var/lib/image-stream XDG_STATE_HOME=/var/lib/image-stream/state
USER image-stream
VOLUME /var/lib/image-stream
ENTRYPOINT ["/opt/image-stream/bin/image-stream"]
CMD ["worker"]
# The command sees to it that the configuration is read and that Temporal answers.
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 \
  CMD ["/opt/image-stream/bin/image-stream", "--output", "json", "runs", "--limit", "1"]
