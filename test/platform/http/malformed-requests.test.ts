import { connect } from 'node:net'
import express from 'express'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHttpServer } from '../../../src/platform/http/index.ts'

describe('requests that never reach the application', () => {
  const lines: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  const app = express()
  app.get('/size', (req, res) => void res.json({ size: req.headers['x-authentik-groups']?.length ?? 0 }))
  let upgrades = 0
  const server = createHttpServer(
    app,
    { host: '127.0.0.1', port: 0 },
    {
      log,
      upgrade: (_req, socket) => {
        upgrades += 1
        socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      },
    },
  )
  beforeAll(() => server.start())
  afterAll(() => server.stop())

  /** Everything that comes back until the connection ends. */
  const exchange = (...parts: string[]) =>
    new Promise<string>((resolve) => {
      let answer = ''
      const socket = connect(server.port(), '127.0.0.1', async () => {
        for (const part of parts) await new Promise((written) => socket.write(part, written))
      })
      socket.on('data', (chunk) => {
        answer += chunk
      })
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(answer))
    })
  const head = (more: string) =>
    `GET /size HTTP/1.1\r\nHost: capstan.example\r\nConnection: close\r\n${more}\r\n`
  const groups = (bytes: number) => `X-authentik-groups: ${'g'.repeat(bytes)}\r\n`
  const bodyOf = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))

  it.each([20, 40, 60, 64])('headers of %i KiB are read', async (kib) => {
    const answer = await exchange(head(groups(kib * 1024)))
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(bodyOf(answer)).toEqual({ size: kib * 1024 })
  })

  it.each([
    ['in one header', [head(groups(66 * 1024))]],
    [
      'in very many',
      [head(Array.from({ length: 900 }, (_, n) => `X-${n}: ${'v'.repeat(100)}\r\n`).join(''))],
    ],
    ['of far more', [head(groups(600 * 1024))]],
    ['in the address', [`GET /${'a'.repeat(70 * 1024)} HTTP/1.1\r\nHost: x\r\n\r\n`]],
    ['of a WebSocket', [head(`Upgrade: websocket\r\n${groups(70 * 1024)}`)]],
    ['that never end', [`GET / HTTP/1.1\r\nX: `, ...Array.from({ length: 80 }, () => 'x'.repeat(4096))]],
    ['of a second request', ['GET /size HTTP/1.1\r\nHost: x\r\n\r\n', head(groups(70 * 1024))]],
  ])('headers that are too large %s are refused in the envelope and logged', async (_where, parts) => {
    lines.length = 0
    const answer = await exchange(...parts)
    const refusal = answer.slice(answer.lastIndexOf('HTTP/1.1 '))
    expect(refusal).toMatch(/^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/)
    expect(refusal).toContain('\r\nConnection: close\r\n')
    expect(refusal).toMatch(/\r\nX-Content-Type-Options: nosniff\r\n/i)
    const { error } = bodyOf(refusal)
    expect(error).toMatchObject({
      code: 'REQ_004',
      message: "The request's headers are larger than 65 KiB together",
      retryable: false,
    })
    expect(refusal).toContain(`\r\nX-Request-Id: ${error.details.correlationId}\r\n`)
    const logged = lines.map((line) => JSON.parse(line))
    expect(logged).toMatchObject([
      { status: 431, address: '127.0.0.1', correlationId: error.details.correlationId },
    ])
    expect(upgrades).toBe(0)
  })

  it('a request that is not HTTP gets the error envelope', async () => {
    lines.length = 0
    const answer = await exchange('this is not HTTP\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(bodyOf(answer).error.code).toBe('REQ_001')
    expect(lines).toEqual([])
  })
})
