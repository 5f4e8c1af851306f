# The release binary, the examples and the list of what the binary is made of, on a base that has libm and libc, certificates
# of authorities, time zones and the user 65532. Build with: docker build -t kfmd .
#
# Both bases are ARGs, so that a release can give them by digest. Swift's has none here yet: the release workflow looks
# it up, builds with it and says which it was. The other's is an index of amd64 and arm64; to renew it:
#   docker buildx imagetools inspect gcr.io/distroless/base-nossl-debian12:nonroot
ARG BUILD_IMAGE=swift:6.3.1-bookworm
# Without OpenSSL, which nothing here would use: TLS is BoringSSL's, in the binary.
ARG RUN_IMAGE=gcr.io/distroless/base-nossl-debian12:nonroot@sha256:be40c00dfabd86576d92666e87e406714d5618342de1a0c213ad232de255172e

FROM ${BUILD_IMAGE} AS build
# The time of the commit: without it the list of contents says 1970.
ARG SOURCE_DATE_EPOCH=0
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends make python3
# A path of the build that stays in the binary is then everywhere the same.
WORKDIR /src
COPY . .
RUN make release sbom
# Deployments of ML Metadata's server name its program.
RUN mkdir -p .build-release/bin && ln -s /usr/local/bin/kfmd .build-release/bin/metadata_store_server

# The client libraries of databases, for those who keep their store in one; loaded only then. Of the same Debian as the base.
FROM debian:bookworm-slim AS libraries
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libpq5 libmariadb3
COPY Scripts/database-libraries.sh /
RUN /database-libraries.sh /libraries

FROM ${RUN_IMAGE}
ARG RUN_IMAGE
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="kfmd" \
      org.opencontainers.image.description="Kubeflow Metadata: records what ran on a Kubernetes cluster, and serves its lineage" \
      org.opencontainers.image.url="https://github.com/kubeflow/metadata" \
      org.opencontainers.image.source="https://github.com/kubeflow/metadata" \
      org.opencontainers.image.documentation="https://github.com/kubeflow/metadata/blob/v${VERSION}/README.md" \
      org.opencontainers.image.vendor="Kubeflow" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${RUN_IMAGE}"
COPY --from=libraries /libraries/ /
COPY --from=build /src/.build-release/kfmd /usr/local/bin/kfmd
COPY --from=build /src/.build-release/bin/ /bin/
COPY --from=build /src/Examples /usr/local/share/kfmd/examples
COPY --from=build /src/.build-release/sbom.spdx.json /usr/share/doc/kfmd/sbom.spdx.json
COPY --from=build /src/LICENSE /usr/share/doc/kfmd/LICENSE
# By number: runAsNonRoot of Kubernetes cannot tell of a name.
USER 65532:65532
EXPOSE 8080 8081 8082 8083 8443
ENTRYPOINT ["/usr/local/bin/kfmd"]
