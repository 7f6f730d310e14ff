import type { KnownOptions } from '../network/url-options.ts'

const any = { values: /^/ }

/** Options of libpq without effect: the driver has no equivalent, or Capstan sets the value itself. */
const libpq = {
  connect_timeout: any,
  fallback_application_name: any,
  ...{ keepalives: any, keepalives_idle: any, keepalives_interval: any, keepalives_count: any },
  tcp_user_timeout: any,
  target_session_attrs: {
    values: /^(any|read-write|primary)$/,
    expected: 'any, read-write or primary; name one host that accepts writes',
  },
  load_balance_hosts: any,
  gssencmode: { values: /^(disable|prefer)$/, expected: 'disable or prefer' },
  ...{ krbsrvname: any, gsslib: any, gssdelegation: { values: /^0$/, expected: '0' } },
  ...{ sslcompression: { values: /^0$/, expected: '0' }, sslsni: { values: /^1$/, expected: '1' } },
  ssl_min_protocol_version: { values: /^TLSv1(\.[12])?$/, expected: 'TLSv1.2 or less' },
  client_encoding: { values: /^(utf-?8|auto)$/i, expected: 'utf8' },
}

/** Options that providers and other libraries add to URLs. */
const providers = {
  ...{ pgbouncer: any, connection_limit: any, pool_timeout: any, socket_timeout: any },
  ...{ statement_cache_size: any, prepared_statement_cache_size: any, prepareThreshold: any },
  ...{ supa: any, workaround: any },
  schema: { values: /^public$/, expected: 'public' },
  sslaccept: { values: /^strict$/, expected: 'strict; sslmode=no-verify turns the check off' },
}

/** The options after the `?` of a PostgreSQL URL. */
export const postgresOptions: KnownOptions = {
  known: [
    ...['ssl', 'sslmode', 'sslcert', 'sslkey', 'sslrootcert', 'sslnegotiation', 'uselibpqcompat'],
    ...['host', 'port', 'user', 'password', 'application_name', 'channel_binding'],
  ],
  ignored: {
    ...libpq,
    ...providers,
    // The name of an endpoint, for drivers that do not send the host name in the TLS handshake.
    options: { values: /^(endpoint|project)=[A-Za-z0-9-]+$/ },
  },
  hints: {
    options: 'use `alter role ... set ...` in the database',
    dbname: 'the name of the database is the path of the URL',
    hostaddr: 'name the address as the host',
  },
}
