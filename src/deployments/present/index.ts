export { inherited, keptBindings, kindOf, plannedBindings, removedBindings, secretTypes } from './bindings.ts'
export { changesBetween, sameTraffic } from './compare.ts'
export { changesSincePlan, stale } from './stale.ts'
export {
  type AppState,
  type PresentBinding,
  readScript,
  readState,
  readVersions,
  type ScriptState,
} from './state.ts'
