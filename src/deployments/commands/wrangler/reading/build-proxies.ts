/** True for a variable that names a proxy. */
export const isProxy = (name: string): boolean => /^https?_proxy$/i.test(name)

/** A password may contain an `@` that is not encoded: programs take the last one before the path as its end. */
const login = /^([a-z][a-z0-9+.-]*:\/\/)?([^/]*)@/i

/** The URL of a proxy without its user name and password, which are credentials of this machine. */
export const withoutLogin = (url: string | undefined): string | undefined => url?.replace(login, '$1')

/** The passwords in the proxy variables, as they are written there and decoded. */
export function proxyPasswords(env: NodeJS.ProcessEnv): string[] {
  return Object.entries(env).flatMap(([name, url]) => {
    if (!isProxy(name)) return []
    const [, , userInfo = ''] = login.exec(url ?? '') ?? []
    const [, password = ''] = /:(.*)$/s.exec(userInfo) ?? []
    return password === '' ? [] : [password, decoded(password)]
  })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
