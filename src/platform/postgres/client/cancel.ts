import pg from 'pg'

/** Milliseconds that the request may delay the end of a connection. */
const limitMs = 500

/**
 * Asks the server to end the query that a connection is running. Best effort: resolves when the server has acted on the
 * request, or after half a second. Never rejects, and does not tell whether anything was cancelled.
 */
export async function cancelQuery(client: pg.Client): Promise<void> {
  // The key that the server gave out at the start; the driver's types leave it out.
  const processId: unknown = Reflect.get(client, 'processID')
  const secretKey: unknown = Reflect.get(client, 'secretKey')
  if (processId === null || secretKey === null) return
  // A request has a connection of its own, encrypted like the one it is about.
  const ssl: unknown = Reflect.get(client, 'ssl')
  const sslNegotiation: unknown = Reflect.get(client, 'sslNegotiation')
  const connection = new pg.Connection({ ssl, sslNegotiation } as pg.ConnectionConfig)
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, limitMs)
    const finish = () => {
      clearTimeout(timer)
      resolve()
    }
    const send = () => {
      call(connection, 'cancel', processId, secretKey)
      // The server closes it once it has acted on the request. A pooler drops the request when we close it earlier, or the
      // connection that it is about.
      connection.stream.once('close', finish)
    }
    connection.on('error', finish)
    connection.on('connect', () => {
      if (!ssl) send()
      else if (sslNegotiation !== 'direct') call(connection, 'requestSsl')
    })
    connection.on('sslconnect', send)
    const { host, port } = client
    if (host.startsWith('/')) call(connection, 'connect', `${host}/.s.PGSQL.${port}`)
    else call(connection, 'connect', port, host)
  })
  connection.stream.on('error', () => undefined)
  connection.stream.destroy()
}

/** Calls a method of the driver that its types leave out. */
function call(connection: pg.Connection, method: string, ...args: unknown[]): void {
  Reflect.apply(Reflect.get(connection, method), connection, args)
}
