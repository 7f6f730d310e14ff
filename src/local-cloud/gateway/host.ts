/** The script that a Host header names: `hello.localhost:8787` is `hello`, on any port. Undefined for other hosts. */
export function scriptOfHost(host: string | undefined): string | undefined {
  const [, name] = /^([a-z0-9_-]+)\.localhost\.?(?::\d+)?$/.exec((host ?? '').toLowerCase()) ?? []
  return name
}
