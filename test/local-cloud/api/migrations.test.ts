import { expect, test } from 'vitest'
import { ApiError } from '../../../src/local-cloud/errors.ts'
import type { GivenMigrations } from '../../../src/local-cloud/scripts/metadata.ts'
import { planMigrations } from '../../../src/local-cloud/scripts/migrations.ts'

const room = { className: 'Room', namespaceId: 'id-of-room', useSqlite: true }
const lobby = { className: 'Lobby', namespaceId: 'id-of-lobby', useSqlite: true }
const present = { classes: [room, lobby], tag: 'v1' }

const codeOf = (given: GivenMigrations) => {
  try {
    return planMigrations(present, given)
  } catch (error) {
    return error instanceof ApiError ? error.code : error
  }
}

test('without a migration nothing changes', () => {
  expect(planMigrations(present, undefined)).toMatchObject({ classes: [room, lobby], tag: 'v1', created: [] })
})

test('a class keeps its namespace through a rename, even when two swap names', () => {
  const renamed_classes = [
    { from: 'Room', to: 'Lobby' },
    { from: 'Lobby', to: 'Room' },
  ]
  const plan = planMigrations(present, { old_tag: 'v1', new_tag: 'v2', renamed_classes })
  expect(plan.classes.map((entry) => [entry.className, entry.namespaceId])).toEqual([
    ['Lobby', 'id-of-room'],
    ['Room', 'id-of-lobby'],
  ])
  expect(plan).toMatchObject({ tag: 'v2', created: [], deletedNamespaces: [] })
})

test('the steps of one migration build on each other', () => {
  const plan = planMigrations(present, {
    old_tag: 'v1',
    new_tag: 'v4',
    steps: [
      { new_classes: ['Old'] },
      { renamed_classes: [{ from: 'Old', to: 'New' }] },
      { deleted_classes: ['Room'] },
    ],
  })
  expect(plan.classes.map((entry) => entry.className)).toEqual(['Lobby', 'New'])
  expect(plan).toMatchObject({
    created: ['New'],
    deletedNamespaces: ['id-of-room'],
    deletedClasses: ['Room'],
  })
  expect(plan.classes[1]).toMatchObject({ useSqlite: false, namespaceId: null })
})

test('a class that is deleted and created again gets a new namespace', () => {
  const step = { deleted_classes: ['Room'], new_sqlite_classes: ['Room'] }
  const plan = planMigrations(present, { old_tag: 'v1', new_tag: 'v2', ...step })
  expect(plan).toMatchObject({ created: ['Room'], deletedNamespaces: ['id-of-room'], deletedClasses: [] })
})

test('an old tag that differs from the current one is rejected', () => {
  expect(codeOf({ old_tag: 'v0', new_tag: 'v2' })).toBe(10079)
  expect(codeOf({ new_tag: 'v2' })).toBe(10079)
  const fresh = { classes: [], tag: null }
  expect(() => planMigrations(fresh, { old_tag: 'v1', new_tag: 'v2' })).toThrow(/no tag/)
})

test('a step that does not apply to the current classes is rejected', () => {
  const tags = { old_tag: 'v1', new_tag: 'v2' }
  const misfits = [
    { new_sqlite_classes: ['Room'] },
    { new_classes: ['Twice'], new_sqlite_classes: ['Twice'] },
    { deleted_classes: ['Nobody'] },
    { renamed_classes: [{ from: 'Nobody', to: 'Somebody' }] },
    { renamed_classes: [{ from: 'Room', to: 'Lobby' }] },
  ]
  for (const step of misfits) expect(codeOf({ ...tags, ...step })).toBe(10074)
})
