import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Asked {
  method: string
  path: string
  headers: IncomingMessage['headers']
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  body: any
}

export type Answering = (asked: Asked, res: ServerResponse) => void

/** A server that answers with the test's handler and records the requests. */
export async function startFakeApi(answer: Answering) {
  const asked: Asked[] = []
  const server = createServer(async (req, res) => {
    let text = ''
    for await (const chunk of req) text += chunk
    const one = {
      method: req.method ?? '',
      path: req.url ?? '',
      headers: req.headers,
      body: bodyOf(text, req.headers['content-type']),
    }
    asked.push(one)
    answer(one, res)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, server }
}

const bodyOf = (text: string, type: string | undefined): unknown => {
  if (text === '') return undefined
  return type === 'application/octet-stream' ? text : JSON.parse(text)
}

export function json(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}

export const wrapped = (data: unknown) => ({ success: true, data, metadata: {} })

export function refusal(code: string, message: string, fields: { path: string; problem: string }[] = []) {
  const details = { fields, correlationId: 'c-1', timestamp: '2026-01-01T00:00:00.000Z' }
  return { error: { code, message, details, retryable: false, suggestedAction: 'Do otherwise' } }
}

export function openStream(res: ServerResponse): void {
  res.writeHead(200, { 'Content-Type': 'text/event-stream' })
  res.flushHeaders()
}

export const event = (id: number, type: string, data: unknown) =>
  `id: ${id}\n${type === 'message' ? '' : `event: ${type}\n`}data: ${JSON.stringify(data)}\n\n`

export const deploymentId = '11111111-2222-4333-8444-555555555555'

/** The API's answers for one deployment: prepared, accepted, two events, and this end. */
export function deploymentApi(
  status: string,
  error: { code: string; message: string } | null = null,
): Answering {
  const running = status === 'completed' ? 'completed' : 'failed'
  const step = { step: 'health_check', name: 'Running health check' }
  return ({ method, path }, res) => {
    if (path === '/deploy/prepare') return json(res, 200, wrapped(prepared))
    if (method === 'POST' && path === '/deploy')
      return json(res, 202, wrapped({ deploymentId, status: 'initiated' }))
    if (path.endsWith('/status')) return json(res, 200, wrapped(statusOf(status, error)))
    openStream(res)
    res.end(
      event(1, 'step', { ...step, status: 'running', skipped: false, attempt: 1 }) +
        event(2, 'message', { timestamp: 't', level: 'info', message: 'Running health check' }) +
        event(3, 'message', { timestamp: 't', level: 'warn', message: 'slow \u001b[31m today' }) +
        event(4, 'step', { ...step, status: running, skipped: false }) +
        event(5, 'end', { deploymentId, status }),
    )
  }
}

const prepared = {
  prepared: true,
  deploymentId,
  estimatedCost: { monthly: 0, currency: 'USD', details: {} },
  plan: {
    digest: 'sha256:aa',
    steps: [],
    changes: [{ kind: 'durable_object', name: 'Counter', action: 'create' }],
  },
  reversible: { value: false, reasons: ['deletes the class Old and its data'] },
  expiresAt: '2026-01-01T01:00:00.000Z',
}

function statusOf(status: string, error: { code: string; message: string } | null) {
  return {
    deploymentId,
    status,
    progress: { current: 8, total: 8, percentage: 100 },
    currentStep: null,
    completedSteps: [
      { name: 'Running health check', step: 'health_check', status: 'completed', duration: 12.4 },
    ],
    error,
    urls: { staging: 'http://my-app-staging.localhost:8787', production: null },
    metadata: {
      appName: 'my-app',
      environment: 'staging',
      startTime: '2026-01-01T00:00:00.000Z',
      endTime: '2026-01-01T00:00:20.000Z',
    },
  }
}
