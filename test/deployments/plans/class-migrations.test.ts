import { describe, expect, test } from 'vitest'
import type { PlanConfig } from '../../../src/deployments/model/plan.ts'
import type { ClassMigration } from '../../../src/deployments/model/request/classes.ts'
import { unknownClasses } from '../../../src/deployments/plans/parts/class-changes.ts'
import { pendingMigration, plannedClasses } from '../../../src/deployments/plans/parts/class-migrations.ts'

const configOf = (config: Partial<PlanConfig>): PlanConfig => ({
  script: 'chat',
  durableObjects: [],
  environmentVars: {},
  healthCheck: { path: '/', expectStatus: 200, timeoutSeconds: 10 },
  migrations: { deletedClasses: [], renamedClasses: [] },
  ...config,
})
const own = 'capstan-1'

const history: ClassMigration[] = [
  { tag: 'v1', new_classes: ['Room'] },
  { tag: 'v2', new_sqlite_classes: ['Counter'], renamed_classes: [{ from: 'Room', to: 'ChatRoom' }] },
  { tag: 'v3', deleted_classes: ['Counter'] },
]
const pending = (names: string[], tag: string | null, classMigrations = history) =>
  pendingMigration(configOf({ classMigrations }), { names, tag }, own)

describe("the part of a project's class history that a script lacks", () => {
  test('is everything for a new script, step by step', () => {
    expect(pending([], null)).toEqual({
      tag: 'v3',
      steps: [
        { new_classes: ['Room'] },
        { new_sqlite_classes: ['Counter'], renamed_classes: [{ from: 'Room', to: 'ChatRoom' }] },
        { deleted_classes: ['Counter'] },
      ],
    })
  })

  test("is what follows the script's tag", () => {
    expect(pending(['ChatRoom', 'Counter'], 'v2')).toEqual({
      tag: 'v3',
      steps: [{ deleted_classes: ['Counter'] }],
    })
  })

  test('is nothing when all of it was applied', () => {
    expect(pending(['ChatRoom'], 'v3')).toBeUndefined()
  })

  test('is nothing for a script with an own tag of Capstan that has the classes', () => {
    expect(pending(['ChatRoom'], own)).toBeUndefined()
  })

  test.each([
    [['Room'], [{ renamed_classes: [{ from: 'Room', to: 'ChatRoom' }] }]],
    [['ChatRoom', 'Counter'], [{ deleted_classes: ['Counter'] }]],
    [['Other'], [{ new_classes: ['ChatRoom'] }]],
  ])('is the difference for a script with an unknown tag and the classes %j', (names, steps) => {
    expect(pending(names, own)).toEqual({ tag: 'v3', steps })
  })

  test('keeps the storage of new classes, and transfers', () => {
    const transfer = { from: 'A', from_script: 'old', to: 'B' }
    const given = [
      { tag: 'v1', new_sqlite_classes: ['S'], new_classes: ['K'], transferred_classes: [transfer] },
    ]
    expect(pending(['X'], 'unknown', given)?.steps).toEqual([
      { new_classes: ['K'], new_sqlite_classes: ['S'], transferred_classes: [transfer] },
    ])
  })

  test('a class that was deleted and made again is not deleted', () => {
    const again = [...history, { tag: 'v4', new_sqlite_classes: ['Counter'] }]
    expect(pending(['ChatRoom', 'Counter'], own, again)).toBeUndefined()
  })
})

test('a plan that lists its classes gets the difference under its own tag', () => {
  const config = configOf({
    durableObjects: ['A', 'C'],
    migrations: { deletedClasses: ['Gone', 'Old'], renamedClasses: [{ from: 'B', to: 'C' }] },
  })
  expect(pendingMigration(config, { names: ['B', 'Old'], tag: null }, own)).toEqual({
    tag: own,
    steps: [
      { new_sqlite_classes: ['A'], renamed_classes: [{ from: 'B', to: 'C' }], deleted_classes: ['Old'] },
    ],
  })
})

test('the classes of a plan come from its lists, its history and its bindings to its own script', () => {
  const object = { type: 'durable_object_namespace' }
  const config = configOf({
    classMigrations: history,
    bindings: [
      { ...object, name: 'A', class_name: 'Bound' },
      { ...object, name: 'B', class_name: 'Named', script_name: 'chat' },
      { ...object, name: 'C', class_name: 'Foreign', script_name: 'other' },
    ],
  })
  expect(plannedClasses(config)).toEqual(['ChatRoom', 'Bound', 'Named'])
})

test('a binding to an own class that nothing creates is refused with its field', () => {
  const object = { type: 'durable_object_namespace' }
  const config = configOf({
    classMigrations: [{ tag: 'v1', new_sqlite_classes: ['Made'] }],
    bindings: [
      { ...object, name: 'A', class_name: 'Made' },
      { ...object, name: 'B', class_name: 'Present' },
      { ...object, name: 'C', class_name: 'Foreign', script_name: 'other' },
      { ...object, name: 'D', class_name: 'Nowhere' },
    ],
  })
  expect(unknownClasses(config, { classes: ['Present'], state: { migrationTag: null } })).toEqual([
    {
      path: 'config.bindings.3.class_name',
      problem: 'the class does not exist: create it with classMigrations',
    },
  ])
})
