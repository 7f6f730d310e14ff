import pg from 'pg'

/** Milliseconds that a cancel request may delay the closing of a connection. */
const limitMs = 500

/**
 * Asks the server to cancel the running query of a connection. Best effort: resolves when the server has handled the
 * request, or after half a second. Never rejects; the result does not reveal whether a query was cancelled.
 */
export async function cancelQuery(client: pg.Client): Promise<void> {
  // The server sends both at the start of the session; the driver's types omit them.
  const processId: unknown = Reflect.get(client, 'processID')
  const secretKey: unknown = Reflect.get(client, 'secretKey')
  if (processId === null || secretKey === null) return
  // A cancel request needs a connection of its own, with the same encryption as the original.
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
      // The server closes this connection once it has handled the request. A pooler drops the request if this
      // connection or the original one is closed earlier.
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

/** Calls a method of the driver that its types omit. */
function call(connection: pg.Connection, method: string, ...args: unknown[]): void {
  Reflect.apply(Reflect.get(connection, method), connection, args)
}
