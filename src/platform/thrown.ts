const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

/** The properties of an unknown value; none if it is not an object. */
export const propertiesOf = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {})

/** The code of an error of Node.js, PostgreSQL or undici, such as `ENOENT`; undefined if it has none. */
export function errorCode(error: unknown): string | undefined {
  const { code } = propertiesOf(error)
  return typeof code === 'string' ? code : undefined
}

/** The code of an error's cause: `fetch` and undici report network faults in this way. */
export function causeCode(error: unknown): string | undefined {
  return error instanceof Error ? errorCode(error.cause) : undefined
}

/** The error itself; any other thrown value as the message of an error. */
export const toError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

/** The message of an error; any other thrown value as text. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
