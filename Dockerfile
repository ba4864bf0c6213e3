# The service in a container: see docs/serving.md.
#
#   docker build -t conv4rec .
#   docker run --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 \
#     -v "$PWD/my-model:/models/my-model:ro" -v "$PWD/keys.txt:/run/secrets/keys:ro" \
#     conv4rec /models/my-model --host 0.0.0.0 --api-key-file /run/secrets/keys
FROM python:3.11-slim

# For torch without CUDA, which is 10 times smaller:
#   --build-arg PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
ARG PIP_EXTRA_INDEX_URL

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN pip install --no-cache-dir -c constraints.txt '.[serve]' \
    && useradd --system --uid 10001 --no-create-home conv4rec
USER 10001

EXPOSE 8000
# Probes need no key. Loading a large model may take a while.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s CMD ["python", "-c", \
    "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=4)"]
ENTRYPOINT ["conv4rec", "serve"]
CMD ["--help"]
