# Pointsman and the HAProxy 3.0 that it drives, one image for both containers (docs/container.md).
#
#   docker build -t pointsman .
#   docker run --network host -v ./pointsman.yaml:/etc/pointsman/pointsman.yaml:ro pointsman

# Of every platform, by digest: npm run renew asks the registry for the present ones.
ARG NODE_IMAGE=docker.io/library/node:24-trixie-slim@sha256:8ec5d7557396cfe32d21c3f9c13072355ceab22b584578ca4bb28af31120cffe
ARG DEBIAN_IMAGE=docker.io/library/debian:trixie-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f

FROM ${NODE_IMAGE} AS build
WORKDIR /opt/pointsman
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY scripts/copy-page.sh scripts/copy-page.sh
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json \
 && sh scripts/copy-page.sh dist \
 && chmod 755 dist/main.js \
 && npm prune --omit=dev --no-audit --no-fund

FROM ${DEBIAN_IMAGE}
# The ids are fixed, so that folders of the host can be given to them: both containers run as this user.
# HAProxy must come with its security fixes: a base image without that suite is refused.
RUN groupadd --system --gid 990 haproxy \
 && useradd --system --uid 990 --gid 990 --home-dir /var/lib/haproxy --shell /usr/sbin/nologin haproxy \
 && apt-get update \
 && { apt-cache policy | grep -q 'n=trixie-security' \
      || { echo 'The base image has no trixie-security in its apt sources.' >&2; exit 1; }; } \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends haproxy tini libstdc++6 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /etc/haproxy \
 && install -d -o haproxy -g haproxy -m 750 /etc/haproxy /run/haproxy /var/lib/pointsman \
 && install -d -m 755 /etc/pointsman

COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /opt/pointsman/package.json /opt/pointsman/package.json
COPY --from=build /opt/pointsman/node_modules /opt/pointsman/node_modules
COPY --from=build /opt/pointsman/dist /opt/pointsman/dist
COPY templates /opt/pointsman/templates
# So that whatever a hint or a page names can be read where it is said.
COPY docs /opt/pointsman/docs
COPY examples /opt/pointsman/examples
COPY LICENSE README.md CHANGELOG.md CONTRIBUTING.md /opt/pointsman/
COPY --chmod=755 scripts/haproxy-container.sh /usr/local/bin/haproxy-container
COPY scripts/container-health.mjs /opt/pointsman/container-health.mjs
RUN ln -s /opt/pointsman/dist/main.js /usr/local/bin/pointsman && node -v && haproxy -v

ENV NODE_ENV=production
USER 990:990
# All that is ever written; the rest may be read-only.
VOLUME ["/etc/haproxy", "/run/haproxy", "/var/lib/pointsman"]
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
  CMD ["node", "/opt/pointsman/container-health.mjs"]
# Node as process 1 would leave zombies of its grandchildren.
ENTRYPOINT ["tini", "--"]
CMD ["pointsman", "run"]
