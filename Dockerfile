FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG COMMIT=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" -o /out/botrelay ./cmd/botrelay \
 && mkdir /out/data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/botrelay /usr/local/bin/botrelay
# The working directory, in which the store makes its folder: a named volume takes this owner over.
# There is no VOLUME line: it would make an anonymous volume that "docker run --rm" deletes.
COPY --from=build --chown=65532:65532 /out/data /var/lib/botrelay
WORKDIR /var/lib/botrelay
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/usr/local/bin/botrelay", "health"]
ENTRYPOINT ["botrelay"]
CMD ["serve"]
