export { createSocketGroup, type SocketGroup } from './socket-group.ts'
export { createUpgrades, type SocketRoute, type UpgradeHandler } from './upgrades.ts'
