import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { buildDocument } from '../../scripts/openapi/document.ts'
import { projectRoot, textOf } from '../../scripts/openapi/file.ts'
import { type Table, withRoutes } from '../../scripts/openapi/routes.ts'

const stored = readFileSync(join(projectRoot, 'openapi.json'), 'utf8')
const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'))

describe('the OpenAPI document', () => {
  let table: Table
  let text: string

  beforeAll(async () => {
    text = await withRoutes(async (found) => {
      table = found
      return textOf(await buildDocument({ ...found, version }))
    })
  })

  it('is the one that the routes describe: if not, run npm run openapi', () => {
    expect(stored === text).toBe(true)
  })

  it('has every route and every socket as an operation', () => {
    const { paths } = JSON.parse(stored)
    const operations = Object.values(paths as Record<string, object>).flatMap((each) => Object.values(each))
    expect(operations.map(({ operationId }) => operationId).toSorted()).toEqual(
      [...table.routes, ...table.sockets].map(({ operation }) => operation.id).toSorted(),
    )
  })

  it('names operations in one way and summarizes each in one sentence', () => {
    const { paths } = JSON.parse(stored)
    for (const { operationId, summary } of Object.values(paths as Record<string, object>).flatMap((each) =>
      Object.values(each),
    )) {
      expect(operationId).toMatch(/^[a-z][A-Za-z]+$/)
      expect(summary).toMatch(/^[A-Z][a-z]+ .*\.$/)
    }
  })

  it('refers only to components that exist', () => {
    const { components } = JSON.parse(stored)
    const references = [...stored.matchAll(/"\$ref": "#\/components\/(\w+)\/([^"]+)"/g)]
    expect(references.length).toBeGreaterThan(500)
    const missing = references.filter(([, kind = '', name = '']) => components[kind]?.[name] === undefined)
    expect(missing.map(([text]) => text)).toEqual([])
  })
})
