import type pg from 'pg'
import { propertiesOf } from '../../thrown.ts'

const mechanism = 'SCRAM-SHA-256-PLUS'

/** The option `channel_binding` of a connection's URL: `disable`, `prefer` or `require`. */
function modeOf({ connectionString }: pg.ClientConfig): string | null {
  const query = connectionString?.split('?')[1]
  return new URLSearchParams(query).get('channel_binding')
}

/**
 * True if the URL asks to bind the login to the TLS connection, which prevents relaying of the login. The driver does
 * not read this option from the URL.
 */
export function usesChannelBinding(config: pg.ClientConfig): boolean {
  const mode = modeOf(config)
  return mode === 'prefer' || mode === 'require'
}

/** True if the URL requires that a login without channel binding fails. */
export const requiresChannelBinding = (config: pg.ClientConfig): boolean => modeOf(config) === 'require'

/** Closes the connection before a login without channel binding, to which the driver would fall back. */
export function refuseUnboundLogin(client: pg.Client): void {
  const { connection } = client
  let isBound = false
  const refuse = () => {
    connection.stream.destroy(
      new Error('the database offers no channel binding, which channel_binding=require demands'),
    )
  }
  connection.on('authenticationSASL', (message: unknown) => {
    const { mechanisms } = propertiesOf(message)
    isBound = Array.isArray(mechanisms) && mechanisms.includes(mechanism)
    if (!isBound) refuse()
  })
  connection.on('authenticationCleartextPassword', refuse)
  connection.on('authenticationMD5Password', refuse)
  connection.on('authenticationOk', () => {
    if (!isBound) refuse()
  })
}
