/** Sends a query in any of the driver's forms. Streams (`COPY`) take as long as they need. */
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
