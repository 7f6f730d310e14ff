import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { importPKCS8, SignJWT } from 'jose'
import type { TokenAuth } from './docker-registry.ts'

export const creds = { username: 'puller', password: 'a-password-of-this-test' }

/** Signs tokens as a registry wants them: what was asked for, to who knows the password; reading one repository to all. */
export async function startTokenServer(options: { publicRepository?: string; expiresIn?: number } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-tokens-'))
  const [keyFile, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=tokens of a test'],
      ...['-keyout', keyFile, '-out', certificate],
    ],
    { stdio: 'ignore' },
  )
  const key = await importPKCS8(readFileSync(keyFile, 'utf8'), 'RS256')
  const x5c = [readFileSync(certificate, 'utf8').replace(/-----[^-]+-----|\s/g, '')]
  const issued: string[][] = []
  const service = 'registry-of-a-test'
  const issuer = 'token-server-of-a-test'
  const basic = `Basic ${Buffer.from(`${creds.username}:${creds.password}`).toString('base64')}`
  let { expiresIn = 300 } = options

  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://here')
    const { authorization } = request.headers
    if (authorization !== undefined && authorization !== basic) {
      response.writeHead(401, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'wrong password' }] }))
      return
    }
    const scopes = url.searchParams.getAll('scope').flatMap((scope) => scope.split(' '))
    issued.push(scopes)
    const access = scopes.flatMap((scope) => {
      const [type, name, actions = ''] = scope.split(':')
      const wanted = actions.split(',')
      const may = authorization === basic ? wanted : name === options.publicRepository ? ['pull'] : []
      const granted = wanted.filter((action) => may.includes(action))
      return granted.length === 0 ? [] : [{ type, name, actions: granted }]
    })
    const now = Math.floor(Date.now() / 1000)
    const token = await new SignJWT({ access, jti: randomUUID() })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', x5c })
      .setIssuer(issuer)
      .setAudience(service)
      .setSubject('somebody')
      .setIssuedAt(now)
      .setNotBefore(now - 5)
      .setExpirationTime(now + Math.max(1, expiresIn))
      .sign(key)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ token, expires_in: expiresIn }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`
  return {
    auth: { realm, service, issuer, certificate } satisfies TokenAuth,
    /** The scopes of each token so far. */
    issued,
    expireAfter(seconds: number) {
      expiresIn = seconds
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
