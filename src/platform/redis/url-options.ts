import type { KnownOptions } from '../network/url-options.ts'

const any = { values: /^/ }

/** Options of client libraries without effect: Capstan sets its own limits and sizes. */
const clientOptions = {
  // ioredis
  ...{ connectTimeout: any, commandTimeout: any, keepAlive: any, noDelay: any, lazyConnect: any },
  ...{ maxRetriesPerRequest: any, enableReadyCheck: any, enableOfflineQueue: any, connectionName: any },
  // redis-py, go-redis, Lettuce
  ...{ timeout: any, socket_timeout: any, socket_connect_timeout: any, socket_keepalive: any },
  ...{ health_check_interval: any, retry_on_timeout: any, max_connections: any, decode_responses: any },
  ...{ dial_timeout: any, read_timeout: any, write_timeout: any, pool_size: any, pool_timeout: any },
  ...{ max_retries: any, min_idle_conns: any, max_idle_conns: any, client_name: any, clientName: any },
  protocol: { values: /^[23]$/, expected: '2 or 3' },
}

const tlsHint = 'for TLS write rediss:// instead of redis://'
/** Options that only repeat what the scheme `rediss` implies: TLS with a check of the host name. */
const redundantTlsOptions = {
  ...{ tls: { values: /^(true|1)$/ }, ssl: { values: /^(true|1)$/ } },
  ssl_check_hostname: { values: /^(true|1)$/i, expected: 'true' },
}

/** The options after the `?` of a Redis URL. */
export function redisOptions(url: { tls: boolean; sentinel: boolean }): KnownOptions {
  return {
    known: [
      ...['family', 'db'],
      ...(url.tls ? ['ssl_cert_reqs'] : []),
      ...(url.sentinel ? ['sentinel_username', 'sentinel_password'] : []),
    ],
    ignored: { ...clientOptions, ...(url.tls ? redundantTlsOptions : {}) },
    hints: { tls: tlsHint, ssl: tlsHint, ssl_cert_reqs: tlsHint },
  }
}
