# The static binary alone. Build with: docker build -t kfmd .
FROM swift:6.3-bookworm AS build
WORKDIR /src
COPY . .
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends make && make release

# libm and libc are all that it needs.
FROM gcr.io/distroless/base-debian12:nonroot
COPY --from=build /src/.build-release/kfmd /usr/local/bin/kfmd
COPY --from=build /src/Examples /usr/local/share/kfmd/examples
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/kfmd"]
