import { z } from 'zod'
import { digest, line, unique } from './names.ts'

const migrationFile = z.strictObject({
  /** The path below the folder of migrations, as the table of applied migrations contains it. */
  name: line(255),
  digest,
})

const database = z.strictObject({
  /** The name of a binding of type d1. */
  binding: z.string().min(1).max(128),
  /** The table of applied migrations. */
  table: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'expected letters, digits and _, not starting with a digit')
    .default('d1_migrations'),
  /** In the order in which they are applied. */
  files: z.array(migrationFile).max(2000).refine(unique('name'), 'names a file twice'),
})

/** The migrations of D1 databases. */
export const databases = z.array(database).max(100).refine(unique('binding'), 'names a binding twice')
export type DatabaseMigrations = z.output<typeof database>
