export { localUrl } from './address.ts'
export { announceRunning } from './announce.ts'
export {
  checkout,
  chooseSettings,
  findInstallation,
  holdsInstallation,
  type Installation,
  ignoredAddress,
  type Place,
} from './find.ts'
export { isOwn } from './ownership.ts'
export { type RunningService, readRunning } from './running.ts'
