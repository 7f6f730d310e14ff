export { registerBackupCommand, registerRestoreCommand } from './commands.ts'
