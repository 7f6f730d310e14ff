export { lookAtHostname, obstacleOf, type SeenHostname } from './look.ts'
export { hostnameShape } from './parse.ts'
export { createZoneApi, type ZoneApi } from './zone-api.ts'
