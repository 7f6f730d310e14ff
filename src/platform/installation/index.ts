export { localUrl } from './address.ts'
export { announceRunning } from './announce.ts'
export { checkout, chooseSettings, findInstallation, type Installation, type Place } from './find.ts'
export { type RunningService, readRunning } from './running.ts'
