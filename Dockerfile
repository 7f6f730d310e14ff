# Capstan in one image: `docker build -t capstan .`. One container runs everything (`npm start`), or one program of the
# Procfile with another command. Persistent data is in /data.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
COPY client/package.json client/
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8000 DATA_DIR=/data
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json openapi.json ./
COPY bin bin
COPY migrations migrations
COPY workers workers
COPY client/package.json client/
COPY client/src client/src
COPY src src
RUN node bin/build-bundle.js
# /data belongs to the user, so that a new volume does, too. Everything else belongs to root.
RUN mkdir /data && chown 1000:1000 /data
USER 1000:1000
VOLUME /data
EXPOSE 8000
HEALTHCHECK --start-period=60s --interval=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "bin/start.js"]
