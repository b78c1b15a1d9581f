#!/usr/bin/env bash
# Write requirements/*.lock anew: exact versions with hashes, readable by pip and uv alike, naming no registry.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
    pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options "$@"
    sed -i '/^#/d' "${@: -2:1}"
}
compile -o requirements/build.lock requirements/build.in
compile -o requirements/base.lock pyproject.toml
compile --extra dev --extra postgres -c requirements/base.lock -o requirements/dev.lock pyproject.toml
compile -o requirements/demo.lock requirements/demo.in
compile -o requirements/conductor-py.lock requirements/conductor-py.in
