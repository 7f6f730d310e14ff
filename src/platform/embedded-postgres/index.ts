export { type KeptPostgres, keepEmbeddedPostgres } from './keep-running.ts'
export { readEmbeddedPostgres } from './settings.ts'
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './start.ts'
