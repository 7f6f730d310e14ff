import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { allRoutes, createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import { createContext } from '../../src/context.ts'
import { prepare, type Route, route } from '../../src/platform/http/index.ts'
import { undocumented } from '../../test/helpers/undocumented.ts'
import { bodies } from './http-bodies.ts'

/** One side of the bench, in a process of its own: `bare` Express, or the whole `app` with its routes and three more. */
const { status, badge, releases } = bodies

function bare(): RequestListener {
  const app = express()
  app.get('/json/status', (_req, res) => void res.json(status))
  const text = JSON.stringify(status)
  app.get('/status', (_req, res) => void res.type('json').send(text))
  app.get('/badge/:name', (_req, res) => void res.type('svg').send(badge))
  app.get('/releases', (_req, res) => void res.json(releases))
  return app
}

function routes(): Route[] {
  const preparedStatus = prepare(JSON.stringify(status), 'application/json; charset=utf-8')
  const preparedBadge = prepare(badge, 'image/svg+xml; charset=utf-8')
  return [
    route({
      ...undocumented,
      method: 'get',
      path: '/bench/status',
      access: 'orchestrators:read',
      handle: () => ({ prepared: preparedStatus }),
    }),
    route({
      ...undocumented,
      method: 'get',
      path: '/bench/badge/:name',
      access: 'open',
      limit: 'address',
      handle: () => ({ prepared: preparedBadge, headers: { 'Cache-Control': 'public, max-age=60' } }),
    }),
    route({
      ...undocumented,
      method: 'get',
      path: '/bench/releases',
      access: 'releases:read',
      handle: async () => ({ body: releases }),
    }),
  ]
}

async function app(): Promise<RequestListener> {
  const ctx = createContext(loadConfig(process.env), 'web')
  await ctx.listener.start()
  await ctx.outboxDispatcher.start()
  await ctx.accounts.start()
  return createApp(ctx, () => false, [...allRoutes(ctx, () => false), ...routes()])
}

async function main(): Promise<void> {
  const side = process.argv[2] === 'bare' ? bare() : await app()
  const server = createServer(side).listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.on('message', () => process.send?.({ cpu: process.cpuUsage(), queries: 0 }))
  process.once('SIGTERM', () => process.exit(0))
  process.send?.({ ports: { http: (server.address() as AddressInfo).port } })
}

await main()
