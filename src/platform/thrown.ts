const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

/** The properties of a value that came from outside or was thrown; none for what is no object. */
export const propertiesOf = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {})

/** The code of an error of Node.js, PostgreSQL or undici, such as `ENOENT`; undefined when it has none. */
export function errorCode(error: unknown): string | undefined {
  const { code } = propertiesOf(error)
  return typeof code === 'string' ? code : undefined
}

/** The code of what caused an error: `fetch` and undici report faults of the network in this way. */
export function causeCode(error: unknown): string | undefined {
  return error instanceof Error ? errorCode(error.cause) : undefined
}

/** The error itself; anything else that was thrown, as the message of an error. */
export const toError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

/** The message of an error; anything else that was thrown, as text. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
