/** What stands in for EventBridge Scheduler and AWS Batch: a process per run, on a cron schedule. */
export * from './scheduler.js';
