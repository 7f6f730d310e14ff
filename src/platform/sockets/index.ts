export { type Crowd, createCrowd } from './crowd.ts'
export { createUpgrades, type SocketRoute, type UpgradeHandler } from './upgrades.ts'
