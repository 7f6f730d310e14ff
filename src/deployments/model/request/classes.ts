import { z } from 'zod'
import { identifier, line, unique } from './names.ts'

/** Changes of classes in a request without `classMigrations`. */
export const migrations = z
  .strictObject({
    deletedClasses: z.array(identifier).max(100).default([]),
    renamedClasses: z
      .array(z.strictObject({ from: identifier, to: identifier }))
      .max(100)
      .default([]),
  })
  .prefault({})

const classes = z.array(identifier).max(100).optional()

/** One entry of the `migrations` of a wrangler project. */
const classMigration = z.strictObject({
  tag: line(100),
  new_classes: classes,
  new_sqlite_classes: classes,
  renamed_classes: z
    .array(z.strictObject({ from: identifier, to: identifier }))
    .max(100)
    .optional(),
  deleted_classes: classes,
  transferred_classes: z
    .array(z.strictObject({ from: identifier, from_script: line(255), to: identifier }))
    .max(100)
    .optional(),
})

/** The whole history of a project's classes; the deployment applies the part that the script lacks. */
export const classMigrations = z.array(classMigration).max(1000).refine(unique('tag'), 'has a tag twice')
export type ClassMigration = z.output<typeof classMigration>
