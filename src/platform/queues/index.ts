export {
  countWorkers,
  createQueues,
  type DeliveryJob,
  type DeliveryQueue,
  migrateQueues,
  type Queues,
} from './queues.ts'
