# The app without TensorFlow, not as root, and content with a file system that cannot be written:
#   docker run --read-only --tmpfs /tmp --volume fer:/data --publish 127.0.0.1:8501:8501 IMAGE
# compose.yaml puts TLS, a database and a relay for cameras around it; docs/guide/deploying.md tells when that is needed.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY deploy/image.sh deploy/
COPY models models
COPY fer fer
RUN deploy/image.sh install && deploy/image.sh detector

FROM debian:bookworm-slim
COPY deploy/image.sh /opt/image.sh
RUN /opt/image.sh packages && install --directory --owner 10001 --group 10001 /data
COPY --from=build /opt/fer /opt/fer
WORKDIR /app
COPY streamlit_app.py ./
COPY pages pages
COPY .streamlit/config.toml .streamlit/
USER 10001:10001
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s CMD ["/opt/image.sh", "well"]
CMD ["/opt/image.sh", "serve"]
