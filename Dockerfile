# The simulator alone, static, as nobody, in an image with nothing else. Build the program first:
#   cargo zigbuild --release --locked -p portmaster-simulator --target x86_64-unknown-linux-musl
#   docker build --build-arg PROGRAM=target/x86_64-unknown-linux-musl/release/portmaster-simulator -t portmaster-simulator .
FROM scratch
ARG PROGRAM
COPY ${PROGRAM} /portmaster-simulator
# The connection database lies in a temporary folder.
WORKDIR /tmp
USER 65534:65534
EXPOSE 8817 8818
VOLUME ["/tmp"]
# In a container every address is inside it; the control plane asks for PORTMASTER_CONTROL_TOKEN.
ENTRYPOINT ["/portmaster-simulator", "serve", "--listen", "0.0.0.0:8817", "--control", "0.0.0.0:8818", "--listen-anywhere"]
HEALTHCHECK --interval=5s --timeout=2s --retries=3 CMD ["/portmaster-simulator", "health", "127.0.0.1:8817"]
