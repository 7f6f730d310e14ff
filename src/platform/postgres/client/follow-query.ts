/** Sends a query in any form of the driver, and calls `settle` at its end. Streams (`COPY`) have no time limit. */
export function followQuery(
  send: (args: unknown[]) => unknown,
  args: unknown[],
  settle: () => void,
): unknown {
  const last = args.at(-1)
  if (typeof last === 'function') {
    const answered = (...results: unknown[]) => {
      settle()
      Reflect.apply(last, undefined, results)
    }
    return send([...args.slice(0, -1), answered])
  }
  const result = send(args)
  if (result instanceof Promise) result.then(settle, settle)
  else settle()
  return result
}
