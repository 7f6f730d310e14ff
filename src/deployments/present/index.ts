export { inherited, keptBindings, kindOf, plannedBindings, removedBindings, secretTypes } from './bindings.ts'
export { changesBetween, sameTraffic } from './compare.ts'
export { changesSincePlan, stale } from './stale.ts'
export { type AppState, readScript, readState, readVersions } from './state.ts'
