import { describe, expect, test } from 'vitest'
import { fingerprintOf } from '../../../src/deployments/cloudflare/binding-fingerprint.ts'
import type { AppState, PresentBinding } from '../../../src/deployments/model/app-state.ts'
import type { PlanConfig } from '../../../src/deployments/model/plan.ts'
import { changesOf, reversibleOf } from '../../../src/deployments/plans/changes.ts'

const configOf = (config: Partial<PlanConfig>): PlanConfig => ({
  script: 'shop',
  durableObjects: [],
  environmentVars: {},
  healthCheck: { path: '/', expectStatus: 200, timeoutSeconds: 10 },
  migrations: { deletedClasses: [], renamedClasses: [] },
  ...config,
})

const present = (binding: { type: string; name: string; [field: string]: unknown }): PresentBinding => ({
  type: binding.type,
  name: binding.name,
  versionId: 'v1',
  fingerprint: fingerprintOf(binding),
  ...(typeof binding.class_name === 'string' ? { className: binding.class_name } : {}),
})

const compatibility = { date: '2026-01-01', flags: [] }
const stateOf = (state: Partial<AppState>): AppState => ({
  ...{ exists: true, traffic: [], migrationTag: null, hasAssets: false, bindings: [] },
  ...{ workersDev: true, previewUrls: false, settings: {}, hostnames: {}, compatibility },
  ...state,
})

interface Situation {
  state?: Partial<AppState>
  secrets?: string[]
  classes?: string[]
  resources?: Record<string, string | null>
  unapplied?: { binding: string; files: string[] }[]
}

function planned(config: Partial<PlanConfig>, situation: Situation = {}) {
  const { state = {}, secrets = [], classes = [], resources = {}, unapplied = [] } = situation
  const plan = {
    config: configOf(config),
    secrets: Object.fromEntries(secrets.map((name) => [name, 'sealed'])),
  }
  const found = {
    ...{ state: stateOf(state), classes, resources, unapplied, compatibility },
    ...{ application: undefined, leaving: undefined, publication: {} },
  }
  const [, ...changes] = changesOf(plan, found)
  return {
    changes: changes.map(({ kind, name, action, ...rest }) =>
      [action, kind, name, ...Object.values(rest)].join(' '),
    ),
    reversible: reversibleOf(plan, found),
  }
}

const kv = (name: string, id: string) => ({ type: 'kv_namespace', name, namespace_id: id })

describe('the bindings of a plan', () => {
  test('are listed by their types, with what happens to each', () => {
    const object = { type: 'durable_object_namespace', class_name: 'Room' }
    const { changes } = planned(
      {
        environmentVars: { MODE: 'new' },
        bindings: [
          kv('SAME', 'a'),
          kv('OTHER', 'b'),
          kv('NEW', 'c'),
          { type: 'r2_bucket', name: 'WAS_KV', bucket_name: 'files' },
          { type: 'd1', name: 'DB', provision: { name: 'shop-db', create: true } },
          { type: 'json', name: 'LIMITS', json: [1] },
          { ...object, name: 'ROOMS' },
          { type: 'type_of_next_year', name: 'NEXT' },
        ],
      },
      {
        secrets: ['KEY'],
        classes: ['Room'],
        resources: { DB: 'db-id' },
        state: {
          bindings: [
            present(kv('SAME', 'a')),
            present(kv('OTHER', 'before')),
            present(kv('WAS_KV', 'x')),
            present(kv('GONE', 'x')),
            present({ type: 'd1', name: 'DB', id: 'db-id' }),
            present({ ...object, name: 'ROOMS', namespace_id: 'added by the cloud' }),
            present({ type: 'plain_text', name: 'MODE', text: 'old' }),
            present({ type: 'json', name: 'OLD_JSON', json: 1 }),
            present({ type: 'secret_text', name: 'STAYS' }),
          ],
        },
      },
    )
    expect(changes).toEqual([
      'keep durable_object Room',
      'replace variable MODE',
      'create secret KEY',
      'keep kv_namespace SAME',
      'replace kv_namespace OTHER',
      'create kv_namespace NEW',
      'replace r2_bucket WAS_KV',
      'keep d1 DB',
      'create variable LIMITS',
      'keep durable_object_namespace ROOMS',
      'create type_of_next_year NEXT passed through unchanged',
      'keep secret STAYS',
      'delete kv_namespace GONE',
      'delete variable OLD_JSON',
    ])
  })

  test('of other tools are kept by a plan that lists none', () => {
    const bindings = [present(kv('CACHE', 'a')), present({ type: 'plain_text', name: 'MODE', text: 'x' })]
    expect(planned({}, { state: { bindings } }).changes).toEqual([
      'keep binding CACHE',
      'delete variable MODE',
    ])
    expect(planned({ keepVars: true }, { state: { bindings } }).changes).toEqual([
      'keep binding CACHE',
      'keep variable MODE',
    ])
    expect(planned({ bindings: [] }, { state: { bindings } }).changes).toEqual([
      'delete kv_namespace CACHE',
      'delete variable MODE',
    ])
  })
})

describe('what a rollback leaves', () => {
  const bindings = [
    { type: 'kv_namespace', name: 'CACHE', provision: { name: 'shop-cache', create: true } },
    { type: 'd1', name: 'DB', provision: { name: 'shop-db', create: true } },
  ]

  test('created resources are listed by name, and do not prevent a rollback', () => {
    const { changes, reversible } = planned({ bindings }, { resources: { CACHE: null, DB: 'id' } })
    expect(changes).toContain('create kv_namespace shop-cache CACHE')
    expect(changes).not.toContain('create d1 shop-db DB')
    expect(reversible).toEqual({
      value: true,
      reasons: ['creates the KV namespace shop-cache, which stays'],
    })
  })

  test('database migrations are listed by file, and cannot be rolled back', () => {
    const unapplied = [{ binding: 'DB', files: ['0002_a.sql', '0003_b.sql'] }]
    const { changes, reversible } = planned({ bindings }, { resources: { CACHE: 'a', DB: 'b' }, unapplied })
    expect(changes).toEqual(
      expect.arrayContaining(['create d1_migration 0002_a.sql DB', 'create d1_migration 0003_b.sql DB']),
    )
    expect(reversible).toEqual({
      value: false,
      reasons: ['applies migrations to the D1 database DB, which stay applied: 0002_a.sql, 0003_b.sql'],
    })
  })

  test("so are changes of classes, but only those that the script's history lacks", () => {
    const classMigrations = [
      { tag: 'v1', new_sqlite_classes: ['Room'] },
      { tag: 'v2', renamed_classes: [{ from: 'Room', to: 'Hall' }], new_classes: ['Lobby'] },
    ]
    const before = planned({ classMigrations }, { classes: ['Room'], state: { migrationTag: 'v1' } })
    expect(before.changes).toEqual(['rename durable_object Hall', 'create durable_object Lobby'])
    expect(before.reversible.reasons).toEqual([
      'creates or renames to the class Lobby',
      'creates or renames to the class Hall',
    ])
    const after = planned({ classMigrations }, { classes: ['Hall', 'Lobby'], state: { migrationTag: 'v2' } })
    expect(after.changes).toEqual(['keep durable_object Hall', 'keep durable_object Lobby'])
    expect(after.reversible).toEqual({ value: true, reasons: [] })
  })
})

test('settings are listed: those of the version, changed ones of the script, and those passed through', () => {
  const settings = { logpush: false, observability: { enabled: true }, tags: [], tail_consumers: [] }
  const { changes } = planned(
    {
      versionSettings: { placement: { mode: 'smart' } },
      scriptSettings: { observability: { enabled: true }, logpush: true },
      metadata: { package_dependencies: [] },
    },
    { state: { settings } },
  )
  expect(changes).toEqual([
    'replace setting placement',
    'replace setting logpush',
    'replace setting package_dependencies passed through unchanged',
  ])
})

test('static files are listed, also when a plan removes them', () => {
  const assets = { manifest: 'a'.repeat(64), files: 2, bytes: 30, config: {} }
  expect(planned({ assets }).changes).toEqual(['create assets shop 2 files, 30 bytes'])
  const state = { hasAssets: true }
  expect(planned({ assets }, { state }).changes).toEqual(['replace assets shop 2 files, 30 bytes'])
  expect(planned({ bindings: [] }, { state }).changes).toEqual(['delete assets shop'])
  expect(planned({}, { state }).changes).toEqual([])
})
